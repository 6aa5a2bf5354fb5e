//! Where the paper's text and the authors' implementation differ.

use anyhow::{Result, bail};
use toml::{Table, Value};

/// One difference: a key and its value by profile.
struct Difference {
    key: [&'static str; 2],
    paper: Setting,
    official: Setting,
}

#[derive(Clone, Copy)]
enum Setting {
    Flag(bool),
    Count(i64),
    Word(&'static str),
}

impl From<Setting> for Value {
    fn from(setting: Setting) -> Self {
        match setting {
            Setting::Flag(flag) => Self::Boolean(flag),
            Setting::Count(count) => Self::Integer(count),
            Setting::Word(word) => Self::String(word.to_string()),
        }
    }
}

/// The README explains each of them.
const DIFFERENCES: [Difference; 5] = [
    Difference {
        key: ["encoder", "test_resize"],
        paper: Setting::Word("bicubic"),
        official: Setting::Word("bilinear"),
    },
    Difference {
        key: ["diffusion", "adapt_output"],
        paper: Setting::Flag(true),
        official: Setting::Flag(false),
    },
    Difference {
        key: ["diffusion", "attention_bias"],
        paper: Setting::Flag(false),
        official: Setting::Flag(true),
    },
    Difference {
        key: ["optim", "first_epoch"],
        paper: Setting::Count(0),
        official: Setting::Count(1),
    },
    Difference {
        key: ["loss", "neck_updates"],
        paper: Setting::Count(1),
        official: Setting::Count(2),
    },
];

/// Takes `profile` out of a configuration and sets its keys where they are not set.
/// Published numbers come from the implementation, so `official` is the default.
pub fn apply(table: &mut Table) -> Result<()> {
    let profile = table.remove("profile");
    let paper = match profile.as_ref().map(Value::as_str) {
        None | Some(Some("official")) => false,
        Some(Some("paper")) => true,
        _ => bail!("`profile` must be \"official\" or \"paper\""),
    };
    for difference in DIFFERENCES {
        let [part, key] = difference.key;
        // The baseline has no [diffusion], and must not get one.
        if part == "diffusion" && !table.contains_key(part) {
            continue;
        }
        let entry = (table.entry(part)).or_insert_with(|| Value::Table(Table::new()));
        // Anything but a table is refused, by name, when the configuration is read.
        if let Value::Table(entry) = entry {
            let setting = if paper {
                difference.paper
            } else {
                difference.official
            };
            entry.entry(key).or_insert_with(|| setting.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_sets_what_is_not_set() -> Result<()> {
        let mut table: Table = "profile = 'paper'\n[optim]\nfirst_epoch = 1".parse()?;
        apply(&mut table)?;
        let expected = "[optim]\nfirst_epoch = 1\n[loss]\nneck_updates = 1\n\
                        [encoder]\ntest_resize = 'bicubic'";
        assert_eq!(table, expected.parse()?);
        let mut table: Table = "[diffusion]".parse()?;
        apply(&mut table)?;
        assert_eq!(table["diffusion"]["attention_bias"], Value::Boolean(true));
        assert_eq!(table["optim"]["first_epoch"], Value::Integer(1));
        assert!(apply(&mut "profile = 'other'".parse()?).is_err());
        Ok(())
    }
}
