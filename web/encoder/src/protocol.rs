//! Messages between the search worker and a worker that embeds.

use dcac_model::reid::EncoderConfig;
use serde::{Deserialize, Serialize};

/// What the search worker asks.
#[derive(Serialize, Deserialize)]
pub enum Request {
    /// Build the encoder of the weights beside it. Always the first message.
    Load(Box<EncoderConfig>),
    /// Embed the pictures at these addresses.
    Embed {
        /// Number of the request.
        call: u32,
        /// Absolute addresses.
        urls: Vec<String>,
    },
    /// Give all that the encoder makes of a picture.
    Features {
        /// Number of the request.
        call: u32,
        /// Absolute address.
        url: String,
    },
    /// Embed so many drawn pictures, and say how long that took.
    Time {
        /// Number of the request.
        call: u32,
        /// Pictures that are computed together.
        pictures: usize,
    },
}

/// What it is answered.
#[derive(Serialize, Deserialize)]
pub enum Reply {
    /// The encoder can be used, or why not.
    Loaded(Result<Loaded, String>),
    /// Of every picture whether it could be read; the embeddings of those are beside it.
    Embedded {
        /// The request.
        call: u32,
        /// Why a picture cannot be used.
        pictures: Vec<Result<(), String>>,
    },
    /// Neck output and then patch tokens are beside it.
    Features {
        /// The request.
        call: u32,
        /// Numbers of the neck's output, or why the picture cannot be used.
        neck: Result<usize, String>,
    },
    /// Time of the encoder alone, without reading pictures.
    Timed {
        /// The request.
        call: u32,
        /// Milliseconds for all pictures together.
        milliseconds: f64,
    },
}

/// What an encoder takes.
#[derive(Serialize, Deserialize)]
pub struct Loaded {
    /// Memory of its worker, in bytes; on a GPU its weights are elsewhere.
    pub memory: u64,
}
