//! Which parts of two pictures look alike.

/// Cosine similarities `[a, b]` of every patch token of one picture to every one of another,
/// row-major, after the mean of all their tokens is taken away: what all patches have in common
/// would hide where two pictures match. Tokens are `[patches, dim]`.
pub fn patch_similarity(a: &[f32], b: &[f32], dim: usize) -> Vec<f32> {
    let count = (a.len() + b.len()) / dim.max(1);
    let mut mean = vec![0.0; dim];
    for token in a.chunks_exact(dim.max(1)).chain(b.chunks_exact(dim.max(1))) {
        for (sum, value) in mean.iter_mut().zip(token) {
            *sum += value / count as f32;
        }
    }
    let centred = |tokens: &[f32]| -> Vec<Vec<f32>> {
        (tokens.chunks_exact(dim.max(1)))
            .map(|token| {
                let token: Vec<f32> = token.iter().zip(&mean).map(|(x, m)| x - m).collect();
                let norm = token.iter().map(|x| x * x).sum::<f32>().sqrt();
                token.into_iter().map(|x| x / norm.max(1e-12)).collect()
            })
            .collect()
    };
    let (a, b) = (centred(a), centred(b));
    let cosine = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum();
    (a.iter())
        .flat_map(|x| b.iter().map(move |y| cosine(x, y)))
        .collect()
}
