//! Curves of many steps as lines of few points.

/// A point of a curve: where and what.
pub(super) type Point = (f64, f64);

/// Points that a line on a screen can show apart.
const MOST: usize = 1000;

/// At most about 1,000 points that look like all of them: of every stretch the lowest
/// and the highest stay, so that a single spike in a long run is still seen.
pub(super) fn thin(points: &[Point]) -> Vec<Point> {
    if points.len() <= MOST {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(MOST / 2);
    let extremes = |stretch: &[Point]| {
        let by_height = |a: &&Point, b: &&Point| a.1.total_cmp(&b.1);
        let low = stretch.iter().min_by(by_height).copied();
        let high = stretch.iter().max_by(by_height).copied();
        let mut kept: Vec<Point> = low.into_iter().chain(high).collect();
        kept.sort_by(|a, b| a.0.total_cmp(&b.0));
        kept.dedup();
        kept
    };
    points.chunks(stretch).flat_map(extremes).collect()
}

/// The mean of `width` points around each point, fewer at both ends, thinned evenly.
pub(super) fn smooth(points: &[Point], width: usize) -> Vec<Point> {
    let mut sums = Vec::with_capacity(points.len() + 1);
    let mut sum = 0.0;
    sums.push(sum);
    for (_, y) in points {
        sum += y;
        sums.push(sum);
    }
    let half = width / 2;
    let mean = |(index, &(x, _)): (usize, &Point)| {
        let (from, to) = (
            index.saturating_sub(half),
            (index + half + 1).min(points.len()),
        );
        (x, (sums[to] - sums[from]) / (to - from) as f64)
    };
    let every = points.len().div_ceil(MOST).max(1);
    (points.iter().enumerate())
        .filter(|(index, _)| index % every == 0 || index + 1 == points.len())
        .map(mean)
        .collect()
}

/// Points that [`smooth`] takes the mean of in a curve of `points`: an odd number,
/// about a fortieth of the curve; 1, which is no smoothing, for the shortest.
pub(super) fn window(points: usize) -> usize {
    match points {
        0..20 => 1,
        _ => (points / 40).max(5) | 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_among_a_hundred_thousand_steps_stays() {
        let mut points: Vec<Point> = (0..100_000)
            .map(|x| (f64::from(x), f64::from(x % 7)))
            .collect();
        points[54_321].1 = 99.0;
        points[54_322].1 = -99.0;
        let thinned = thin(&points);
        assert!((900..=1000).contains(&thinned.len()), "{}", thinned.len());
        assert!(thinned.contains(&(54_321.0, 99.0)) && thinned.contains(&(54_322.0, -99.0)));
        assert!(thinned.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(thin(&points[..1000]), points[..1000]);
    }

    #[test]
    fn smoothing_is_a_centred_mean() {
        let points: Vec<Point> = [3.0, 0.0, 6.0, 0.0, 9.0]
            .into_iter()
            .enumerate()
            .map(|(x, y)| (x as f64, y))
            .collect();
        let ys: Vec<f64> = smooth(&points, 3).into_iter().map(|(_, y)| y).collect();
        assert_eq!(ys, [1.5, 3.0, 2.0, 5.0, 4.5]);
        assert_eq!(smooth(&points, 1), points);
        assert_eq!(smooth(&[], 3), []);
        let long: Vec<Point> = (0..50_001).map(|x| (f64::from(x), 1.0)).collect();
        let line = smooth(&long, window(long.len()));
        assert!(line.len() <= MOST + 1 && line.last() == Some(&(50_000.0, 1.0)));
    }
}
