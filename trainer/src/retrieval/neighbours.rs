//! Neighbours within the gallery, and what is made of them: re-ranking, expanded queries.

use anyhow::Result;
use dcac_model::retrieval::{Neighbours, Rerank, Reranked, expand_query, nearest};
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::each_row;

/// Reads `--rerank`: K1,K2,LAMBDA.
pub fn rerank_settings(text: &str) -> Result<Rerank, String> {
    let wrong = || format!("`{text}` is not K1,K2,LAMBDA with LAMBDA from 0 to 1, like 20,6,0.3");
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let [k1, k2, lambda] = parts[..] else {
        return Err(wrong());
    };
    let count = |text: &str| text.parse().ok().filter(|&k: &usize| k > 0);
    match (count(k1), count(k2), lambda.parse()) {
        (Some(k1), Some(k2), Ok(lambda)) if (0.0..=1.0).contains(&lambda) => {
            Ok(Rerank { k1, k2, lambda })
        }
        _ => Err(wrong()),
    }
}

/// Prepares the re-ranking of a test set. `bar` counts its queries and gallery images.
pub fn rerank(
    query: &[f32],
    gallery: &[f32],
    dim: usize,
    ask: Rerank,
    memory: usize,
    bar: &ProgressBar,
) -> Result<Reranked> {
    let all = [query, gallery].concat();
    let neighbours = each_row(&all, &all, dim, memory, bar, |_, scores| {
        Ok(Neighbours::of(scores, ask.depth()))
    })?;
    bar.finish_and_clear();
    let queries = query.len() / dim;
    Ok(Reranked::new(
        &all,
        dim,
        queries,
        &neighbours,
        ask,
        &|count, row| (0..count).into_par_iter().map(row).collect(),
    ))
}

/// Queries averaged with their `count` nearest gallery images.
pub fn expand_queries(
    query: &[f32],
    gallery: &[f32],
    dim: usize,
    count: usize,
    memory: usize,
) -> Result<Vec<f32>> {
    let bar = ProgressBar::hidden();
    let expanded = each_row(query, gallery, dim, memory, &bar, |index, scores| {
        let query = &query[index * dim..(index + 1) * dim];
        Ok(expand_query(query, gallery, &nearest(scores, count)))
    })?;
    Ok(expanded.concat())
}
