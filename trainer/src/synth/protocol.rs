//! Protocols: fixed sets of domains that can be drawn anywhere, and checked.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{SynthConfig, checksum::checksum, generate, planned};
use crate::files;
use crate::stop::{self, Stopped};

/// A list of domains.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// What `--protocol` takes.
    pub name: String,
    /// Changes whenever a picture does.
    pub version: u32,
    /// Its domains.
    #[serde(rename = "domain")]
    pub domains: Vec<Part>,
}

/// One domain of a protocol.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Name of the domain, and of its folder.
    pub name: String,
    /// Identities; the first half is for training.
    pub ids: usize,
    /// Pictures of each.
    pub images_per_id: usize,
    /// Seed of its streams.
    pub seed: u64,
    /// What [`checksum`] finds.
    pub sha256: String,
}

/// Texts of all protocols.
const ALL: [&str; 1] = [include_str!("protocols/dg-synth.toml")];

impl Protocol {
    /// The protocol of that name.
    pub fn read(name: &str) -> Result<Self> {
        let all: Vec<Self> = (ALL.iter())
            .map(|text| toml::from_str(text).context("a protocol of this program"))
            .collect::<Result<_>>()?;
        let names: Vec<String> = all.iter().map(|known| known.name.clone()).collect();
        match all.into_iter().find(|known| known.name == name) {
            Some(found) => Ok(found),
            None => bail!(
                "there is no protocol {name:?}; choose one of {}",
                names.join(", ")
            ),
        }
    }

    /// Draws what is not there yet: a folder for each domain in `out`. Every domain's checksum is
    /// compared, of those that were there too.
    ///
    /// `progress` is told (pictures done, pictures in all), from several threads.
    ///
    /// # Errors
    /// Folders that hold something else, checksums that differ, and [`Stopped`] between domains.
    pub fn draw(&self, out: &Path, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<()> {
        stop::listen("domain")?;
        let mut missing = Vec::new();
        let mut total = 0;
        for part in &self.domains {
            let config = part.config(out);
            if files::require_new(&config.out).is_err() {
                self.check(part, &config.out, false)?;
                continue;
            }
            total += planned(&config)?;
            missing.push((part, config));
        }
        let mut before = 0;
        for (part, config) in missing {
            if stop::requested() {
                return Err(Stopped {
                    after: format!("{before} of {total} pictures"),
                    go_on: "the same command draws the other domains".to_string(),
                }
                .into());
            }
            generate(&config, &|done, _| progress(before + done, total))?;
            self.check(part, &config.out, true)?;
            before += planned(&config)?;
        }
        Ok(())
    }

    fn check(&self, part: &Part, folder: &Path, new: bool) -> Result<()> {
        let found = checksum(folder).with_context(|| {
            format!(
                "{} is not the domain {} of {}; choose another folder or remove it",
                folder.display(),
                part.name,
                self.name
            )
        })?;
        if found == part.sha256 {
            return Ok(());
        }
        let why = if new {
            "this program draws other pictures here than where the protocol was fixed, so figures on them do not compare; please report it with the processor and system"
        } else {
            "it was changed, or drawn by another version of this program; remove it and it is drawn anew"
        };
        bail!(
            "{} is not the domain {} of {} version {}: its checksum is {found}, expected {}; {why}",
            folder.display(),
            part.name,
            self.name,
            self.version,
            part.sha256
        )
    }
}

impl Part {
    fn config(&self, out: &Path) -> SynthConfig {
        SynthConfig {
            out: out.join(&self.name),
            domain: self.name.clone(),
            ids: self.ids,
            images_per_id: self.images_per_id,
            cameras: None,
            seed: self.seed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeSet;
    use std::fs;
    use std::sync::Mutex;

    use super::*;
    use crate::synth::domains;

    /// All domains in small. A change of these numbers is a change of what every domain looks
    /// like: of the protocols' own numbers and versions too.
    fn small() -> Protocol {
        let sums = [
            (
                "plaza",
                "a051f0e7451f46cc14bdc72ce9d89deb950d61a38cea424c00f11be16f34a6a5",
            ),
            (
                "campus",
                "fb38d667ce396f4666d81a8f781b4dad90ee08374cfd7b80f4908992afc42c91",
            ),
            (
                "mall",
                "b9dc525f53629255de4b1eed7e8fe8930f3cd4e197bb38fb1d0bfa33d19f53d7",
            ),
            (
                "night",
                "ba9244ca4e5a524b1e6bcadd79359ea8f3e07b32604e46e5b4a9e9b7d9c49aa7",
            ),
            (
                "park",
                "4800bd17f1920c50b58396014b93efae707f7f513ec0e1a3a6db3c8cf452446b",
            ),
        ];
        let part = |(name, sha256): (&str, &str)| Part {
            name: name.into(),
            ids: 4,
            images_per_id: 4,
            seed: 1,
            sha256: sha256.into(),
        };
        Protocol {
            name: "small".into(),
            version: 1,
            domains: sums.into_iter().map(part).collect(),
        }
    }

    #[test]
    fn protocols_are_read_and_their_domains_exist() {
        let protocol = Protocol::read("dg-synth").unwrap();
        let names: BTreeSet<&str> = protocol.domains.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names.len(), protocol.domains.len());
        assert!(names.len() >= 5);
        for part in &protocol.domains {
            assert!(domains().iter().any(|domain| domain.name == part.name));
            assert_eq!(part.sha256.len(), 64);
            assert!(
                planned(&part.config(Path::new("nowhere"))).unwrap()
                    >= part.ids * part.images_per_id
            );
        }
        let refused = format!("{:#}", Protocol::read("dg").unwrap_err());
        assert!(refused.contains("dg-synth"), "{refused}");
    }

    #[test]
    fn what_is_missing_is_drawn_and_everything_is_checked() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("all");
        let protocol = small();
        let last = Mutex::new(Cell::new((0, 0)));
        let watch = |done: usize, total: usize| {
            let seen = last.lock().unwrap();
            let (most, _) = seen.get();
            seen.set((most.max(done), total));
        };
        let found: Vec<String> = (protocol.domains.iter())
            .map(|part| {
                generate(&part.config(&out), &|_, _| {}).unwrap();
                checksum(&out.join(&part.name)).unwrap()
            })
            .collect();
        let expected: Vec<&str> = protocol.domains.iter().map(|p| p.sha256.as_str()).collect();
        assert_eq!(found, expected, "pictures are drawn differently");

        fs::remove_dir_all(out.join("mall")).unwrap();
        protocol.draw(&out, &watch).unwrap();
        let (most, total) = last.lock().unwrap().get();
        assert_eq!(most, total, "only the missing domain counts");
        assert!(total < 30, "{total}");
        assert_eq!(fs::read_dir(&out).unwrap().count(), 5, "no draft is left");

        let other = fs::read_dir(out.join("park/query")).unwrap().next();
        fs::write(other.unwrap().unwrap().path(), "changed").unwrap();
        let said = format!("{:#}", protocol.draw(&out, &watch).unwrap_err());
        assert!(
            said.contains("park") && said.contains("remove it"),
            "{said}"
        );
        fs::remove_dir_all(out.join("park/query")).unwrap();
        let said = format!("{:#}", protocol.draw(&out, &watch).unwrap_err());
        assert!(said.contains("is not the domain park"), "{said}");
    }
}
