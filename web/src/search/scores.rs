//! What becomes of embeddings before they are compared, and of scores after.

use dcac_model::retrieval::{Neighbours, Rerank, Reranked, cosine_scores, expand_query};

use crate::protocol::Item;

/// The cameras that took pictures, where they are known.
pub fn cameras(pictures: &[&Item]) -> Vec<Option<u32>> {
    (pictures.iter())
        // 0 stands for none in particular.
        .map(|picture| Some(picture.label?.camera).filter(|&camera| camera > 0))
        .collect()
}

/// The mean of L2-normalised rows, one at least, L2-normalised.
pub fn mean(rows: &[f32], width: usize) -> Vec<f32> {
    let (first, others) = rows.split_at(width);
    let all: Vec<u32> = (0..(others.len() / width) as u32).collect();
    expand_query(first, others, &all)
}

/// What re-ranks a gallery for a query, with the settings of the original paper.
pub fn rerank(query: &[f32], gallery: &[f32]) -> Reranked {
    let rule = Rerank::default();
    let features = [query, gallery].concat();
    let neighbours: Vec<Neighbours> = features
        .chunks(query.len())
        .map(|image| Neighbours::of(&cosine_scores(image, &features), rule.depth()))
        .collect();
    Reranked::new(
        &features,
        query.len(),
        1,
        &neighbours,
        rule,
        &|count, one| (0..count).map(one).collect(),
    )
}
