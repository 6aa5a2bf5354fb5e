//! Whom a model was trained on, for people.

use serde::{Deserialize, Serialize};

/// One training identity. The list in an export's `identities.json` is in the order of the
/// classifier's labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingIdentity {
    /// Name of the data set that it is from: its folder's or table's.
    pub source: String,
    /// Its number there.
    pub identity: i32,
    /// Its training images.
    pub images: usize,
}
