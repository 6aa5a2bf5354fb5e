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
    role: String,
    data: NamedData,
}

impl FromStr for RoleData {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // What stands before a colon is a part, or a layout with a variant of it: `viper:3=DIR`.
        let (head, folder) = text.split_once('=').unwrap_or((text, ""));
        let given = head
            .split_once(':')
            .filter(|(_, rest)| head.parse::<Layout>().is_err() && rest.parse::<Layout>().is_ok());
        if let Some((role, layout)) = given {
            let data = format!("{layout}={folder}").parse()?;
            let role = role.to_string();
            return Ok(Self { role, data });
        }
        let data: NamedData = text.parse()?;
        let role = played_by(data.layout).ok_or_else(|| {
            format!(
                "`{text}` is none of the paper's sets; say whose part it plays, such as MA:{text} (MA, D, MS or C3, or a domain of a benchmark)"
            )
        })?;
        let role = role.to_string();
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
    let own = |(role, data): (&String, &NamedData)| played_by(data.layout) == Some(role);
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
pub type Cast = BTreeMap<String, NamedData>;

/// Gives each part of a table to one data set.
pub fn cast(all: &[RoleData], roles: &[String]) -> Result<Cast> {
    let mut cast = Cast::new();
    for given in all {
        if !roles.contains(&given.role) {
            bail!(
                "{given}: this table has no part {}; its parts are {}",
                given.role,
                roles.join(", ")
            );
        }
        if let Some(other) = cast.insert(given.role.clone(), given.data.clone()) {
            bail!(
                "both {other} and {} play {}; give each part to one data set: --data {}:NAME=DIR",
                given.data,
                given.role,
                roles.join(":NAME=DIR, ")
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
        assert_eq!(
            read("cuhk03np:labeled=x"),
            Ok("C3:cuhk03np:labeled=x".to_string())
        );
        assert_eq!(
            read("D:cuhk03np:labeled=x"),
            Ok("D:cuhk03np:labeled=x".to_string())
        );
        assert_eq!(read("plaza:csv=x"), Ok("plaza:csv=x".to_string()));
        assert!(read("C4:market=x").is_err());
        let data = |text: &str| text.parse::<RoleData>().map_err(anyhow::Error::msg);
        let cast_of = [data("market1501=a")?, data("D:market1501=b")?];
        let roles = ROLES.map(str::to_string);
        assert_eq!(cast(&cast_of, &roles)?.len(), 2);
        assert!(cast(&[data("market1501=a")?, data("market1501=b")?], &roles).is_err());
        assert!(cast(&[data("C4:market1501=a")?], &roles).is_err());
        Ok(())
    }
}
