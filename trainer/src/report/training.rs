//! The section of curves.

use maud::{Markup, html};

use super::chart::{Chart, Line, Scale};
use super::curve::{Point, smooth, thin, window};
use super::history::History;
use crate::evaluate::Report;
use crate::train::{Evaluation, StepMetrics};

/// What is read from a step, if it has it.
type Value = fn(&StepMetrics) -> Option<f32>;

/// Losses and shares: what they are called, and where they stand.
const CURVES: [(&str, Value); 6] = [
    ("Total loss (L)", |step| Some(step.loss)),
    ("Identity loss (L_id)", |step| Some(step.loss_id)),
    ("Prototypical contrastive loss (L_pcl)", |step| {
        Some(step.loss_pcl)
    }),
    ("Denoising loss (L_dif)", |step| step.loss_dif),
    ("Training images named right, % of the batch", |step| {
        Some(100.0 * step.accuracy)
    }),
    ("Norm of the gradient before clipping", |step| {
        step.gradient_norm
    }),
];

/// Losses, accuracy and rate per step.
pub(super) fn curves(history: &History) -> Markup {
    let steps = &history.steps;
    let epochs = epoch_marks(steps);
    let width = window(steps.len());
    let measured = CURVES.iter().filter_map(|(title, value)| {
        let points: Vec<Point> = (steps.iter())
            .filter_map(|step| Some((step.step as f64, value(step)?.into())))
            .collect();
        (!points.is_empty()).then_some((*title, points))
    });
    let rate: Vec<Point> = steps.iter().map(|s| (s.step as f64, s.lr)).collect();
    html! {
        section {
            h2 { "Training" }
            p.note {
                @if width > 1 {
                    "Thin lines are single steps, in long runs the lowest and highest of every stretch; "
                    "thick ones are the mean of the " (width) " steps around. "
                }
                "Vertical lines mark where epochs begin."
            }
            div.charts {
                @for (title, points) in measured {
                    (Chart {
                        title,
                        x: "step",
                        scale: Scale::Linear,
                        raw: if width > 1 { thin(&points) } else { Vec::new() },
                        lines: vec![Line { name: String::new(), points: smooth(&points, width) }],
                        epochs: &epochs,
                        dots: false,
                    }.draw())
                }
                (Chart {
                    title: "Learning rate",
                    x: "step",
                    scale: Scale::Log,
                    raw: Vec::new(),
                    lines: vec![Line { name: String::new(), points: thin(&rate) }],
                    epochs: &epochs,
                    dots: false,
                }.draw())
            }
        }
    }
}

/// The first steps of at most ten epochs at equal distances, the first one aside: it
/// begins where the chart does.
fn epoch_marks(steps: &[StepMetrics]) -> Vec<(f64, usize)> {
    let mut marks: Vec<(f64, usize)> = Vec::new();
    let mut current = steps.first().map_or(0, |step| step.epoch);
    for step in steps {
        if step.epoch != current {
            current = step.epoch;
            marks.push((step.step as f64, current));
        }
    }
    let every = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
        .into_iter()
        .find(|every| marks.len() / every <= 8)
        .unwrap_or(usize::MAX);
    marks.retain(|(_, epoch)| epoch % every == 0);
    marks
}

/// Figures of the evaluations during training over epochs; nothing where there was only
/// the last one.
pub(super) fn evaluations(evaluations: &[Evaluation]) -> Markup {
    let (Some(first), true) = (evaluations.first(), evaluations.len() > 1) else {
        return html! {};
    };
    let lines = |figure: fn(&Report) -> f64| -> Vec<Line> {
        let points = |target: usize| -> Vec<Point> {
            (evaluations.iter())
                .filter_map(|evaluated| {
                    let report = evaluated.reports.get(target)?;
                    Some((evaluated.epoch as f64, 100.0 * figure(report)))
                })
                .collect()
        };
        (first.reports.iter().enumerate())
            .map(|(target, report)| Line {
                name: report.name(),
                points: points(target),
            })
            .collect()
    };
    let chart = |title, lines| {
        let chart = Chart {
            title,
            x: "epoch",
            scale: Scale::Linear,
            raw: Vec::new(),
            lines,
            epochs: &[],
            dots: true,
        };
        chart.draw()
    };
    html! {
        (chart("mAP during training, %", lines(|report| report.metrics.map)))
        (chart("Rank-1 during training, %", lines(|report| report.rank1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_epochs_are_marked_in_round_numbers() {
        let steps: Vec<StepMetrics> = (0..6000)
            .map(|index| StepMetrics {
                epoch: 1 + index / 100,
                step: 1 + index as u64,
                lr: 1.0,
                loss: 1.0,
                loss_id: 1.0,
                loss_pcl: 0.0,
                loss_dif: None,
                accuracy: 0.0,
                gradient_norm: None,
                loss_scale: None,
                images_per_second: 1.0,
            })
            .collect();
        let marks = epoch_marks(&steps);
        let epochs: Vec<usize> = marks.iter().map(|(_, epoch)| *epoch).collect();
        assert_eq!(epochs, [10, 20, 30, 40, 50, 60]);
        assert_eq!(marks[0].0, 901.0);
        assert_eq!(epoch_marks(&steps[..250]), [(101.0, 2), (201.0, 3)]);
    }
}
