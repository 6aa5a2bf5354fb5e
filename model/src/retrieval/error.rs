//! What cannot be ranked.

/// Embeddings or labels that cannot be ranked or measured.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RetrievalError {
    /// A score is not finite.
    #[error("the score of image {0} is not a finite number; the embeddings are broken")]
    NotANumber(usize),
    /// An embedding is not finite.
    #[error(
        "the embedding of image {0} holds a number that is not finite; the weights of the model are broken"
    )]
    BrokenEmbedding(usize),
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

/// The number of rows of `dim` numbers each.
pub(super) fn check_rows(rows: &[f32], dim: usize) -> Result<usize, RetrievalError> {
    let count = rows.len() / dim.max(1);
    if dim == 0 || count * dim != rows.len() {
        return Err(RetrievalError::Shape {
            what: "embeddings",
            numbers: rows.len(),
            labels: count,
            dim,
        });
    }
    match rows.iter().position(|value| !value.is_finite()) {
        Some(place) => Err(RetrievalError::BrokenEmbedding(place / dim)),
        None => Ok(count),
    }
}
