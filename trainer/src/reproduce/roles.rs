//! Which data plays which part in a table.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail};

use crate::data::{Layout, NamedData};

/// The four sets of the paper's experiments, in its order.
pub const ROLES: [&str; 4] = ["MA", "D", "MS", "C3"];

/// `NAME=DIR` or `ROLE:NAME=DIR`.
#[derive(Clone, Debug)]
pub struct RoleData {
    role: &'static str,
    data: NamedData,
}

impl FromStr for RoleData {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let given = ROLES.iter().find_map(|role| {
            let rest = text.strip_prefix(role)?.strip_prefix(':')?;
            Some((*role, rest))
        });
        if let Some((role, rest)) = given {
            let data = rest.parse()?;
            return Ok(Self { role, data });
        }
        let data: NamedData = text.parse()?;
        let role = played_by(data.layout).ok_or_else(|| {
            format!(
                "`{text}` is none of the paper's sets; say whose part it plays, such as MA:{text} (MA, D, MS or C3)"
            )
        })?;
        Ok(Self { role, data })
    }
}

impl fmt::Display for RoleData {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:{}", self.role, self.data)
    }
}

/// Whether every part is played by the paper's own set.
pub fn original(cast: &Cast) -> bool {
    let own = |(role, data): (&&str, &NamedData)| played_by(data.layout) == Some(*role);
    cast.iter().all(own)
}

fn played_by(layout: Layout) -> Option<&'static str> {
    match layout {
        Layout::Market1501 => Some("MA"),
        Layout::DukeMtmc => Some("D"),
        Layout::Msmt17 => Some("MS"),
        Layout::Cuhk03Np { .. } => Some("C3"),
        _ => None,
    }
}

/// The data of each part.
pub type Cast = BTreeMap<&'static str, NamedData>;

/// Gives each part to one data set.
pub fn cast(all: &[RoleData]) -> Result<Cast> {
    let mut cast = Cast::new();
    for given in all {
        if let Some(other) = cast.insert(given.role, given.data.clone()) {
            bail!(
                "both {other} and {} play {}; give each part to one data set: --data MA:NAME=DIR, D:, MS:, C3:",
                given.data,
                given.role
            );
        }
    }
    Ok(cast)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_from_the_layout_or_are_given() -> Result<()> {
        let read = |text: &str| text.parse::<RoleData>().map(|data| data.to_string());
        assert_eq!(read("msmt17=x"), Ok("MS:msmt17=x".to_string()));
        assert_eq!(read("D:market1501=x"), Ok("D:market1501=x".to_string()));
        assert!(read("csv=x").is_err());
        assert!(read("C4:market1501=x").is_err());
        let data = |text: &str| text.parse::<RoleData>().map_err(anyhow::Error::msg);
        let cast_of = [data("market1501=a")?, data("D:market1501=b")?];
        assert_eq!(cast(&cast_of)?.len(), 2);
        assert!(cast(&[data("market1501=a")?, data("market1501=b")?]).is_err());
        Ok(())
    }
}
