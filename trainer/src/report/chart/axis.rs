//! From numbers to places on a drawing, and the round numbers along the edge.

/// How a number becomes a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Scale {
    /// Equal differences are equal lengths.
    Linear,
    /// Equal ratios are equal lengths; for numbers above 0.
    Log,
}

/// One direction of a drawing.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    scale: Scale,
    /// Smallest and largest number.
    pub range: (f64, f64),
    /// Where they are drawn.
    pub place: (f64, f64),
    /// Numbers that are written along the edge.
    pub ticks: Vec<f64>,
    step: f64,
}

impl Axis {
    /// The axis of an x direction: from the first number to the last.
    pub fn tight(values: impl Iterator<Item = f64>, place: (f64, f64)) -> Self {
        let range = spread(values, Scale::Linear);
        let step = nice_step(range.1 - range.0, 5.0).max(1.0);
        let ticks = multiples(range, step);
        Self {
            scale: Scale::Linear,
            range,
            place,
            ticks,
            step,
        }
    }

    /// The axis of a y direction: widened to the ticks around all numbers.
    pub fn wide(values: impl Iterator<Item = f64>, scale: Scale, place: (f64, f64)) -> Self {
        let (low, high) = spread(values, scale);
        if scale == Scale::Log {
            let ticks = decades(low, high);
            let ends = (ticks.first().copied(), ticks.last().copied());
            return Self {
                scale,
                range: (ends.0.unwrap_or(low), ends.1.unwrap_or(high)),
                place,
                ticks,
                step: 0.0,
            };
        }
        let step = nice_step(high - low, 4.0);
        let range = ((low / step).floor() * step, (high / step).ceil() * step);
        Self {
            scale,
            range,
            place,
            ticks: multiples(range, step),
            step,
        }
    }

    /// Where a number is drawn.
    pub fn at(&self, value: f64) -> f64 {
        let on = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(f64::MIN_POSITIVE).log10(),
        };
        let (low, high) = (on(self.range.0), on(self.range.1));
        let share = (on(value) - low) / (high - low);
        self.place.0 + share * (self.place.1 - self.place.0)
    }

    /// What is written at a tick.
    pub fn label(&self, tick: f64) -> String {
        if self.scale == Scale::Log {
            return format!("{tick:e}");
        }
        let size = tick.abs();
        if size >= 1e4 && self.step >= 1e3 {
            return format!("{}k", tick / 1e3);
        }
        if size > 0.0 && self.step < 1e-3 {
            let digits = (size.log10().floor() - self.step.log10().floor()).max(0.0);
            return format!("{tick:.0$e}", digits as usize);
        }
        format!("{tick:.0$}", (-self.step.log10().floor()).max(0.0) as usize)
    }

    /// Whether the axis counts ratios.
    pub fn is_log(&self) -> bool {
        self.scale == Scale::Log
    }
}

/// Smallest and largest of the numbers, apart even if all are equal.
fn spread(values: impl Iterator<Item = f64>, scale: Scale) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| value.is_finite() && (scale == Scale::Linear || *value > 0.0))
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    match scale {
        _ if low > high => (0.1, 1.0),
        Scale::Linear if low == high => {
            let around = 0.1 * low.abs().max(10.0);
            (low - around, high + around)
        }
        _ => (low, high),
    }
}

/// 1, 2 or 5 times a power of ten: the length of about one `parts`-th of a span.
fn nice_step(span: f64, parts: f64) -> f64 {
    let rough = (span / parts).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(rough.log10().floor());
    let factor = match rough / power {
        ratio if ratio <= 1.0 => 1.0,
        ratio if ratio <= 2.0 => 2.0,
        ratio if ratio <= 5.0 => 5.0,
        _ => 10.0,
    };
    factor * power
}

fn multiples((low, high): (f64, f64), step: f64) -> Vec<f64> {
    // A millionth of a step of grace, because 0.3 is not 3 times 0.1.
    let first = (low / step - 1e-6).ceil() as i64;
    let last = (high / step + 1e-6).floor() as i64;
    (first..=last).map(|count| count as f64 * step).collect()
}

/// Powers of ten around a range, or 1, 2 and 5 times them if the range is small.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let coarse = last - first > 3;
    let factors: &[i32] = if coarse { &[1] } else { &[1, 2, 5] };
    let all: Vec<f64> = (first..=last)
        .flat_map(|power| factors.iter().map(move |factor| (power, *factor)))
        // Read from text, because 5 * 10^-7 is not 5e-7.
        .filter_map(|(power, factor)| format!("{factor}e{power}").parse().ok())
        .collect();
    let below = all.iter().rposition(|tick| *tick <= low).unwrap_or(0);
    let above = all.iter().position(|tick| *tick >= high);
    let above = above.unwrap_or(all.len().saturating_sub(1));
    // Equal ends would leave the axis without length.
    let below = if below == above {
        below.saturating_sub(1)
    } else {
        below
    };
    let above = if below == above { above + 1 } else { above };
    all.into_iter()
        .skip(below)
        .take(above + 1 - below)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|tick| axis.label(*tick)).collect()
    }

    fn wide(values: &[f64], scale: Scale) -> Axis {
        Axis::wide(values.iter().copied(), scale, (100.0, 0.0))
    }

    #[test]
    fn ticks_are_round_and_enclose_the_numbers() {
        let loss = wide(&[0.31, 1.24, 0.9], Scale::Linear);
        assert_eq!(labels(&loss), ["0.0", "0.5", "1.0", "1.5"]);
        assert_eq!(
            (loss.at(0.0), loss.at(1.5), loss.at(0.75)),
            (100.0, 0.0, 50.0)
        );
        let steps = Axis::tight([1.0, 43_200.0].into_iter(), (0.0, 1.0));
        assert_eq!(labels(&steps), ["10k", "20k", "30k", "40k"]);
        let rate = wide(&[9.5e-7, 5e-6, 5e-8], Scale::Log);
        assert_eq!(
            labels(&rate),
            ["5e-8", "1e-7", "2e-7", "5e-7", "1e-6", "2e-6", "5e-6"]
        );
        let small = wide(&[2e-6, 9e-6], Scale::Linear);
        assert_eq!(labels(&small), ["2e-6", "4e-6", "6e-6", "8e-6", "1.0e-5"]);
    }

    #[test]
    fn no_numbers_and_equal_numbers_have_an_axis() {
        for scale in [Scale::Linear, Scale::Log] {
            for values in [&[][..], &[5e-4, 5e-4], &[0.0], &[f64::NAN, 1.0]] {
                let axis = wide(values, scale);
                assert!(axis.range.0 < axis.range.1, "{values:?}");
                assert!(axis.ticks.len() > 1, "{values:?}");
                assert!(values.iter().all(|v| v.is_nan() || axis.at(*v).is_finite()));
            }
        }
    }
}
