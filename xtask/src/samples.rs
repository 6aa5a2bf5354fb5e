//! The sample gallery of the site.

use std::path::Path;

use anyhow::Result;

use crate::{assets, files};

const IDENTITIES: usize = 8;
const OF_EACH: usize = 3;

/// Copies a few pictures of a test set's gallery.
pub fn copy(gallery: &Path, to: &Path) -> Result<()> {
    for name in choose(&assets::images(gallery)?) {
        files::copy(&gallery.join(name), &to.join(name))?;
    }
    Ok(())
}

/// A few pictures each of the first identities, spread over each one's cameras. Names sort by
/// identity and then camera.
fn choose(names: &[String]) -> Vec<&String> {
    let identity = |name: &String| name.split('_').next().map(str::to_string);
    (names.chunk_by(|a, b| identity(a) == identity(b)))
        // Distractors: people of no identity.
        .filter(|group| !group[0].starts_with("0000") && !group[0].starts_with("-1"))
        .filter(|group| group.len() >= OF_EACH)
        .take(IDENTITIES)
        .flat_map(|group| (0..OF_EACH).map(|i| &group[i * (group.len() - 1) / (OF_EACH - 1)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_spread_over_identities_and_cameras() {
        let mut names = vec!["0000_c1s1_1.jpg".to_string(); 9];
        for identity in 3..20 {
            for camera in 1..=5 {
                names.push(format!("{identity:04}_c{camera}s1_000.jpg"));
            }
        }
        let chosen = choose(&names);
        assert_eq!(chosen.len(), IDENTITIES * OF_EACH);
        assert_eq!(chosen[0], "0003_c1s1_000.jpg");
        assert_eq!(chosen[1], "0003_c3s1_000.jpg");
        assert_eq!(chosen[2], "0003_c5s1_000.jpg");
        assert_eq!(chosen[23], "0010_c5s1_000.jpg");
    }
}
