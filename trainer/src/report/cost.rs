//! The section of what a run cost.

use indicatif::{FormattedDuration, HumanBytes};
use maud::{Markup, html};
use std::time::Duration;

use super::history::History;
use crate::train::{Cost, RunCost};

/// Time by stage and memory; says so where a run has not kept them.
pub(super) fn section(history: &History) -> Markup {
    html! {
        section {
            h2 { "Cost" }
            @match &history.cost {
                Some(cost) => (spent(cost, history)),
                None => p.note { "This run has no cost.json, so its time and memory are not known." },
            }
        }
    }
}

fn spent(cost: &RunCost, history: &History) -> Markup {
    let steps = cost.steps.max(1) as f64;
    let stages: f64 = cost.costs.stages.iter().map(|stage| stage.seconds).sum();
    html! {
        dl.facts {
            div { dt { "Device" } dd { (cost.device) } }
            div { dt { "Wall time" } dd { (duration(cost.costs.wall_seconds)) } }
            div { dt { "Steps" } dd { (cost.steps) } }
            div { dt { "Time per step" } dd { (milliseconds(stages / steps)) } }
            @if let Some(speed) = median_speed(history) {
                div { dt { "Images per second" } dd { (format!("{speed:.1}")) " (median step)" } }
            }
            @if let Some(bytes) = cost.costs.gpu_memory_bytes {
                div { dt { "Peak GPU memory" } dd { (HumanBytes(bytes)) } }
            }
            @if let Some(bytes) = cost.peak_memory_bytes {
                div { dt { "Peak main memory" } dd { (HumanBytes(bytes)) } }
            }
        }
        div.costs {
            (bars("A step, by stage", &cost.costs.stages, &|work| milliseconds(work.seconds / steps)))
            (bars("Outside steps", &cost.costs.other, &|work| duration(work.seconds)))
        }
    }
}

/// Bars as long as their share of the whole.
fn bars(title: &str, works: &[Cost], label: &dyn Fn(&Cost) -> String) -> Markup {
    let whole: f64 = works.iter().map(|work| work.seconds).sum();
    let share = |work: &Cost| 100.0 * work.seconds / whole.max(f64::MIN_POSITIVE);
    html! {
        @if !works.is_empty() {
            table.bars {
                caption { (title) }
                @for work in works {
                    tr {
                        th scope="row" { (work.name) }
                        td { div.bar style={ "width:" (format!("{:.1}", share(work))) "%" } {} }
                        td { (label(work)) }
                        td { (format!("{:.0}", share(work))) " %" }
                    }
                }
            }
        }
    }
}

fn milliseconds(seconds: f64) -> String {
    let digits = if seconds < 0.01 { 2 } else { 1 };
    format!("{:.digits$} ms", 1e3 * seconds)
}

fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = Duration::try_from_secs_f64(seconds.round()).unwrap_or_default();
    FormattedDuration(whole).to_string()
}

fn median_speed(history: &History) -> Option<f64> {
    let mut speeds: Vec<f64> = (history.steps.iter())
        .map(|step| step.images_per_second)
        .collect();
    speeds.sort_by(f64::total_cmp);
    speeds.get(speeds.len() / 2).copied()
}
