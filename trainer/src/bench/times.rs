//! Times of several kinds of work, in the order in which kinds first appeared.

/// Seconds by kind.
#[derive(Default)]
pub struct Times(Vec<(String, Vec<f64>)>);

impl Times {
    /// Adds one measurement.
    pub fn add(&mut self, name: &str, seconds: f64) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, times)) => times.push(seconds),
            None => self.0.push((name.to_string(), vec![seconds])),
        }
    }

    /// Every kind with its measurements.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[f64])> {
        (self.0.iter()).map(|(name, times)| (name.as_str(), times.as_slice()))
    }
}

/// Median, least and most; NaN of nothing.
pub fn spread(times: &[f64]) -> [f64; 3] {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |place: Option<&f64>| place.copied().unwrap_or(f64::NAN);
    [
        at(sorted.get(sorted.len() / 2)),
        at(sorted.first()),
        at(sorted.last()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_keep_their_order_and_spread() {
        let mut times = Times::default();
        for (name, seconds) in [("b", 3.0), ("a", 1.0), ("b", 1.0), ("b", 2.0)] {
            times.add(name, seconds);
        }
        let names: Vec<&str> = times.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(
            times.iter().next().map(|(_, t)| spread(t)),
            Some([2.0, 1.0, 3.0])
        );
        assert!(spread(&[])[0].is_nan());
    }
}
