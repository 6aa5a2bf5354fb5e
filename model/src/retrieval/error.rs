//! What cannot be ranked.

/// Embeddings or labels that cannot be ranked or measured.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RetrievalError {
    /// A score is not finite.
    #[error("the score of image {0} is not a finite number; the embeddings are broken")]
    NotANumber(usize),
    /// Embeddings and labels do not go together.
    #[error("{what}: {numbers} numbers for {labels} images of {dim} numbers each")]
    Shape {
        /// Query or gallery.
        what: &'static str,
        /// Numbers given.
        numbers: usize,
        /// Labels given.
        labels: usize,
        /// Width of an embedding.
        dim: usize,
    },
    /// No query has a true match from another camera.
    #[error(
        "none of the {0} queries has an image of the same identity from another camera in the gallery, so nothing can be measured"
    )]
    NoMatches(usize),
}
