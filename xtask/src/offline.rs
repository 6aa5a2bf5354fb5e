//! The list of a site's files from which its service worker keeps a version of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::files;

/// The script, which cannot be of the files that it keeps.
const WORKER: &str = "sw.js";
/// Its line that holds the list.
const LIST: &str = "const SITE = ";

/// Writes the list of the site in `dist` into its service worker: every file with its SHA-256,
/// except weights, and apart from those the descriptions of models.
pub fn write(dist: &Path) -> Result<()> {
    let worker = dist.join(WORKER);
    let script = fs::read_to_string(&worker).with_context(|| {
        format!(
            "cannot read {}, which index.html should copy",
            worker.display()
        )
    })?;
    let mut found = Vec::new();
    collect(dist, "", &mut found)?;
    let (mut kept, mut models) = (BTreeMap::new(), Vec::new());
    for path in found {
        if !path.starts_with("models/") {
            let file = dist.join(&path);
            let bytes =
                fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            kept.insert(path, hexadecimal(&bytes));
        } else if path.ends_with(".json") {
            models.push(path);
        }
    }
    let Some((before, rest)) = script.split_once(LIST) else {
        bail!("{} has no line `{LIST}...`", worker.display());
    };
    let (_, after) = rest.split_once('\n').unwrap_or_default();
    // Another script is another version too: it must not tidy up in the caches of this one.
    let version = hexadecimal(format!("{before}{after}{}", json!([kept, models])).as_bytes());
    let list = json!({ "version": &version[..16], "files": kept, "models": models });
    files::write(&worker, &format!("{before}{LIST}{list};\n{after}"))
}

/// Paths of all files of a folder that a visitor may ask for, with slashes.
fn collect(folder: &Path, prefix: &str, found: &mut Vec<String>) -> Result<()> {
    for path in files::entries(folder)? {
        let name = format!("{prefix}{}", files::name(&path));
        if files::name(&path).starts_with('.') || name == WORKER {
            continue;
        }
        if path.is_dir() {
            collect(&path, &format!("{name}/"), found)?;
        } else {
            found.push(name);
        }
    }
    Ok(())
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn list(dist: &Path) -> Value {
        write(dist).unwrap();
        let script = fs::read_to_string(dist.join(WORKER)).unwrap();
        let line = script.lines().find_map(|line| line.strip_prefix(LIST));
        assert!(script.starts_with("// first\n") && script.ends_with("\nlast();\n"));
        serde_json::from_str(line.unwrap().trim_end_matches(';')).unwrap()
    }

    #[test]
    fn every_file_is_listed_but_weights() {
        let folder = tempfile::tempdir().unwrap();
        let dist = folder.path();
        let script = "// first\nconst SITE = {};\nlast();\n";
        for (name, text) in [
            (WORKER, script),
            ("index.html", "abc"),
            ("samples/a b.jpg", "picture"),
            ("samples/.gitkeep", ""),
            ("models/index.json", "{}"),
            ("models/tiny/model.safetensors", "weights"),
            ("models/tiny/config.json", "{}"),
        ] {
            files::write(&dist.join(name), text).unwrap();
        }
        let first = list(dist);
        let names: Vec<_> = first["files"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["index.html", "samples/a b.jpg"]);
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(first["files"]["index.html"], abc);
        assert_eq!(
            first["models"],
            json!(["models/index.json", "models/tiny/config.json"])
        );

        assert_eq!(list(dist), first, "the same site is the same version");
        files::write(&dist.join("index.html"), "abd").unwrap();
        let second = list(dist);
        assert_ne!(second["version"], first["version"]);
        files::write(&dist.join(WORKER), &script.replace("SITE", "SITE ")).unwrap();
        assert!(write(dist).is_err(), "a script without the line");
    }
}
