//! What the published sets hold.

use super::Layout;
use crate::data::Split;

/// Images and identities of a split, and cameras of the whole set, as published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Training images and identities.
    pub train: (usize, usize),
    /// Query images.
    pub query: usize,
    /// Gallery images, junk left out.
    pub gallery: usize,
    /// Cameras.
    pub cameras: usize,
}

impl Statistics {
    /// Images of a split.
    pub fn images(&self, split: Split) -> usize {
        match split {
            Split::Train => self.train.0,
            Split::Query => self.query,
            Split::Gallery => self.gallery,
        }
    }
}

impl Layout {
    /// What the set holds if it is the published one.
    pub fn statistics(self) -> Option<Statistics> {
        let statistics = |train, query, gallery, cameras| {
            Some(Statistics {
                train,
                query,
                gallery,
                cameras,
            })
        };
        match self {
            Self::Market1501 => statistics((12_936, 751), 3_368, 15_913, 6),
            Self::DukeMtmc => statistics((16_522, 702), 2_228, 17_661, 8),
            Self::Msmt17 => statistics((32_621, 1_041), 11_659, 82_161, 15),
            Self::Cuhk03Np { labeled: false } => statistics((7_365, 767), 1_400, 5_332, 2),
            Self::Cuhk03Np { labeled: true } => statistics((7_368, 767), 1_400, 5_328, 2),
            Self::Prid(_) => statistics((200, 100), 100, 649, 2),
            Self::Viper(_) => statistics((632, 316), 316, 316, 2),
            Self::Grid(_) => statistics((250, 125), 125, 900, 2),
            Self::Cuhk02 => statistics((7_264, 1_816), 0, 0, 10),
            Self::CuhkSysu => statistics((34_574, 11_934), 0, 0, 1),
            // How many images half of i-LIDS' people have depends on which half.
            // Of PKU-Reid, parts are passed on.
            Self::Csv | Self::Ilids(_) | Self::PkuReid => None,
        }
    }
}
