//! Where each public data set keeps its images, and how their names are read.

mod classical;
mod folders;
mod msmt17;
mod pkureid;
mod statistics;
mod table;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use anyhow::Result;

use super::{Crop, Split};

/// A known layout. The sets of the classical protocol beside [`Layout::Cuhk02`] and
/// [`Layout::CuhkSysu`] are divided at random; the number names one of ten divisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Market-1501's: three folders, `PPPP_cCsS_FFFFFF_BB.jpg`.
    Market1501,
    /// DukeMTMC-reID's: three folders, `PPPP_cC_fFFFFFFF.jpg`.
    DukeMtmc,
    /// MSMT17's: three folders, or the original lists.
    Msmt17,
    /// CUHK03 in its new protocol, with detected or hand-drawn boxes.
    Cuhk03Np {
        /// The hand-drawn boxes.
        labeled: bool,
    },
    /// A table of files.
    Csv,
    /// PKU-Reid in Market-1501's layout, all of it for testing.
    PkuReid,
    /// CUHK02, all of it for training.
    Cuhk02,
    /// CUHK-SYSU's crops, all for training.
    CuhkSysu,
    /// PRID 2011, single shot.
    Prid(u8),
    /// QMUL GRID.
    Grid(u8),
    /// VIPeR.
    Viper(u8),
    /// QMUL i-LIDS.
    Ilids(u8),
}

const NAMES: &str = "market1501, dukemtmc, msmt17, cuhk03np[:labeled], csv, pkureid, cuhk02, cuhksysu, prid[:1..10], grid[:1..10], viper[:1..10], ilids[:1..10]";

/// What `NAME=DIR` may be, for `--help`.
pub const HELP: &str = "\
Data as NAME=DIR:
  market1501        bounding_box_train, query, bounding_box_test; 0002_c1s1_000451_03.jpg
  dukemtmc          the same folders; 0001_c2_f0046182.jpg (withdrawn by its authors in 2019)
  msmt17            the same folders, or the original list_*.txt with train and test
  cuhk03np          detected boxes in the same folders; cuhk03np:labeled for drawn ones
  csv               DIR is a CSV file: path, identity, camera, split (train, query, gallery)
  pkureid           market1501's folders and names, the orientation as frame number; all
                    identities test, queries are orientation 1
  cuhk02, cuhksysu  training images of the classical protocol
  prid, grid, viper, ilids
                    test sets of the classical protocol; viper:3 is the third of ten
                    random divisions";

impl Layout {
    /// The crops of a split in a fixed order.
    pub fn split(self, folder: &Path, split: Split) -> Result<Vec<Crop>> {
        match self {
            Self::Market1501 => folders::split(folder, split, &folders::MARKET1501),
            Self::DukeMtmc => folders::split(folder, split, &folders::DUKEMTMC),
            Self::Msmt17 if msmt17::has_lists(folder) => msmt17::split(folder, split),
            Self::Msmt17 => folders::split(folder, split, &folders::MSMT17),
            Self::Cuhk03Np { labeled } => {
                let part = folder.join(if labeled { "labeled" } else { "detected" });
                // The folder may also be that of one of the two.
                let inside = if part.is_dir() { &part } else { folder };
                folders::split(inside, split, &folders::CUHK03NP)
            }
            Self::Csv => table::split(folder, split),
            Self::PkuReid => pkureid::split(folder, split),
            Self::Cuhk02 => classical::cuhk02(folder, split),
            Self::CuhkSysu => classical::cuhk_sysu(folder, split),
            Self::Prid(division) => classical::prid(folder, split, division),
            Self::Grid(division) => classical::grid(folder, split, division),
            Self::Viper(division) => classical::viper(folder, split, division),
            Self::Ilids(division) => classical::ilids(folder, split, division),
        }
    }

    /// The splits that a data set of this layout has.
    pub fn splits(self, folder: &Path) -> Result<Vec<Split>> {
        match self {
            Self::Cuhk02 | Self::CuhkSysu => Ok(vec![Split::Train]),
            Self::Csv => table::splits(folder),
            Self::PkuReid => Ok(vec![Split::Query, Split::Gallery]),
            _ => Ok(Split::ALL.to_vec()),
        }
    }

    /// What a user of this data should know.
    pub fn notice(self) -> Option<&'static str> {
        match self {
            Self::DukeMtmc => Some(
                "DukeMTMC-reID was withdrawn by its authors in 2019: the people in it had not agreed to it. Use it, if at all, to compare with published figures.",
            ),
            _ => None,
        }
    }

    /// Its name without a variant.
    pub fn name(self) -> &'static str {
        match self {
            Self::Market1501 => "market1501",
            Self::DukeMtmc => "dukemtmc",
            Self::Msmt17 => "msmt17",
            Self::Cuhk03Np { .. } => "cuhk03np",
            Self::Csv => "csv",
            Self::PkuReid => "pkureid",
            Self::Cuhk02 => "cuhk02",
            Self::CuhkSysu => "cuhksysu",
            Self::Prid(_) => "prid",
            Self::Grid(_) => "grid",
            Self::Viper(_) => "viper",
            Self::Ilids(_) => "ilids",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Cuhk03Np { labeled: true } => f.write_str(":labeled"),
            Self::Prid(n) | Self::Grid(n) | Self::Viper(n) | Self::Ilids(n) if *n > 1 => {
                write!(f, ":{n}")
            }
            _ => Ok(()),
        }
    }
}

impl FromStr for Layout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, variant) = match text.split_once(':') {
            Some((name, variant)) => (name, Some(variant)),
            None => (text, None),
        };
        let unknown = || format!("`{text}` is no known layout; choose {NAMES}");
        let division = || match variant.map(str::parse::<u8>) {
            None => Ok(1),
            Some(Ok(division @ 1..=10)) => Ok(division),
            Some(_) => Err(format!("`{text}`: expected one of the divisions 1 to 10")),
        };
        let layout = match (name, variant) {
            ("market1501", None) => Self::Market1501,
            ("dukemtmc", None) => Self::DukeMtmc,
            ("msmt17", None) => Self::Msmt17,
            ("cuhk03np", None | Some("detected")) => Self::Cuhk03Np { labeled: false },
            ("cuhk03np", Some("labeled")) => Self::Cuhk03Np { labeled: true },
            ("csv", None) => Self::Csv,
            ("pkureid", None) => Self::PkuReid,
            ("cuhk02", None) => Self::Cuhk02,
            ("cuhksysu", None) => Self::CuhkSysu,
            ("prid", _) => Self::Prid(division()?),
            ("grid", _) => Self::Grid(division()?),
            ("viper", _) => Self::Viper(division()?),
            ("ilids", _) => Self::Ilids(division()?),
            _ => return Err(unknown()),
        };
        Ok(layout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for name in [
            "market1501",
            "cuhk03np",
            "cuhk03np:labeled",
            "viper",
            "grid:7",
            "csv",
            "pkureid",
        ] {
            let layout: Result<Layout, String> = name.parse();
            assert_eq!(
                layout.map(|layout| layout.to_string()),
                Ok(name.to_string())
            );
        }
        for name in [
            "market",
            "market1501:2",
            "viper:11",
            "viper:x",
            "cuhk03np:new",
        ] {
            assert!(name.parse::<Layout>().is_err(), "{name}");
        }
    }
}
