//! A filled table as Markdown, CSV and HTML.

use std::path::{Path, PathBuf};

use anyhow::Result;
use maud::{DOCTYPE, PreEscaped, html};

use super::measure::{Figures, Filled};
use super::tables::Table;
use crate::files;

const MEASURES: [&str; 2] = ["mAP", "R1"];

/// Writes `table-ID.md`, `.csv` and `.html`; returns their paths.
pub fn write(out: &Path, table: &Table, rows: &[Filled], about: &Note) -> Result<Vec<PathBuf>> {
    let texts = [
        ("md", markdown(table, rows, about)),
        ("csv", csv(table, rows)?),
        ("html", html(table, rows, about)),
    ];
    let mut paths = Vec::new();
    for (extension, text) in texts {
        let path = out.join(format!("table-{}.{extension}", table.id));
        files::write(&path, text.as_bytes())?;
        paths.push(path);
    }
    Ok(paths)
}

/// Mean and sample standard deviation of one measure; none for a single seed.
fn mean(figures: &[[f64; 2]], measure: usize) -> (f64, Option<f64>) {
    let count = figures.len().max(1) as f64;
    let values = figures.iter().map(|pair| pair[measure]);
    let mean = values.clone().sum::<f64>() / count;
    let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
    let deviation = (figures.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
    (mean, deviation)
}

/// One measure of a cell for people: ours, what is published in brackets, the difference.
fn words(cell: &Figures, measure: usize) -> [String; 3] {
    let published = cell.published.map(|pair| pair[measure]);
    let paper = published.map_or_else(String::new, |figure| format!("({figure:.1})"));
    match &cell.ours {
        Ok(found) => {
            let (mean, deviation) = mean(found, measure);
            let spread = deviation.map_or_else(String::new, |d| format!(" ± {d:.1}"));
            let delta = published.map_or_else(String::new, |p| format!("{:+.1}", mean - p));
            [format!("{mean:.1}{spread}"), paper, delta]
        }
        Err(reason) => {
            let why = if measure == 0 {
                format!("not run: {reason}")
            } else {
                String::new()
            };
            [why, paper, String::new()]
        }
    }
}

/// What stands below a table.
pub struct Note {
    /// Seeds of every figure.
    pub seeds: Vec<u64>,
    /// Whether data and sizes are the paper's.
    pub original: bool,
    /// Whether there are published figures.
    pub published: bool,
}

fn note(about: &Note) -> String {
    let Note {
        seeds,
        original,
        published,
    } = about;
    let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
    let spread = if seeds.len() > 1 {
        "; mean ± sample standard deviation"
    } else {
        ""
    };
    if !published {
        return format!("Percent; seeds {}{spread}.", seeds.join(", "));
    }
    let other = if *original {
        ""
    } else {
        " Data or sizes are not the paper's: its figures stand here for comparison of rows with rows, and the differences mean nothing."
    };
    format!(
        "Ours, the paper's figure in brackets, and the difference. Percent; seeds {}{spread}.{other}",
        seeds.join(", ")
    )
}

const COSTS: [&str; 4] = [
    "step, ms",
    "forward, TFLOPs",
    "memory, GB",
    "trained, millions",
];

/// Ours and the paper's of each kind of cost.
fn costs(row: &Filled) -> Option<[(Option<f64>, f64); 4]> {
    let (paper, ours) = row.cost.as_ref()?;
    Some([
        (ours.step_ms, paper.step_ms),
        (ours.forward_tflops, paper.forward_tflops),
        (ours.memory_gb, paper.memory_gb),
        (ours.trainable_millions, paper.trainable_millions),
    ])
}

fn cost_words((ours, paper): (Option<f64>, f64)) -> String {
    let ours = ours.map_or_else(|| "-".to_string(), |ours| format!("{ours:.2}"));
    format!("{ours} ({paper})")
}

const COST_NOTE: &str = "Costs: the paper's on an NVIDIA RTX A6000 with batches of 64. Ours of the device that trained; memory is a GPU's as its allocator has taken it, on a CPU the process's main memory.";

/// The table for a README or a terminal.
pub fn markdown(table: &Table, rows: &[Filled], about: &Note) -> String {
    let with_costs = rows.iter().any(|row| row.cost.is_some());
    let mut head: Vec<String> = vec!["model".to_string()];
    for column in &table.columns {
        head.extend(MEASURES.map(|measure| format!("{column} {measure}")));
    }
    if with_costs {
        head.extend(COSTS.map(str::to_string));
    }
    let mut lines = vec![
        table.heading(),
        String::new(),
        format!("| {} |", head.join(" | ")),
        format!("|{}", " --- |".repeat(head.len())),
    ];
    for row in rows {
        let mut line = vec![row.name.clone()];
        for cell in &row.cells {
            for measure in 0..MEASURES.len() {
                let [ours, paper, delta] = words(cell, measure);
                line.push(format!("{ours} {paper} {delta}").trim().to_string());
            }
        }
        line.extend(costs(row).into_iter().flatten().map(cost_words));
        lines.push(format!("| {} |", line.join(" | ")));
    }
    lines.extend([String::new(), note(about)]);
    if with_costs {
        lines.push(COST_NOTE.to_string());
    }
    lines.push(String::new());
    lines.join("\n")
}

/// One line a figure: row, column, measure, ours of each seed, mean, deviation, paper.
fn csv(table: &Table, rows: &[Filled]) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "table",
        "row",
        "column",
        "measure",
        "ours",
        "deviation",
        "seeds",
        "published",
        "delta",
        "state",
    ])?;
    for row in rows {
        for (cell, column) in row.cells.iter().zip(&table.columns) {
            for (measure, name) in MEASURES.iter().enumerate() {
                let published = cell.published.map(|pair| pair[measure]);
                let (ours, deviation, seeds, delta, state) = match &cell.ours {
                    Ok(found) => {
                        let (mean, deviation) = mean(found, measure);
                        (
                            format!("{mean:.4}"),
                            deviation.map_or_else(String::new, |d| format!("{d:.4}")),
                            found.len().to_string(),
                            published.map_or_else(String::new, |p| format!("{:.4}", mean - p)),
                            "run".to_string(),
                        )
                    }
                    Err(reason) => {
                        let none = String::new;
                        (none(), none(), none(), none(), format!("not run: {reason}"))
                    }
                };
                let published = published.map_or_else(String::new, |p| p.to_string());
                let row = row.name.as_str();
                writer.write_record([
                    &table.id, row, column, name, &ours, &deviation, &seeds, &published, &delta,
                    &state,
                ])?;
            }
        }
        for (found, name) in costs(row).into_iter().flatten().zip(COSTS) {
            let ours = found
                .0
                .map_or_else(String::new, |ours| format!("{ours:.4}"));
            let paper = found.1.to_string();
            let row = row.name.as_str();
            writer.write_record([&table.id, row, "", name, &ours, "", "", &paper, "", ""])?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

const STYLE: &str = "\
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .8rem; text-align: right; white-space: nowrap; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: Canvas; }
thead th { border-bottom-width: 2px; }
.ours { font-weight: 600; } .paper, .why { opacity: .7; } .delta { opacity: .7; margin-left: .5em; }";

/// The table on one page that needs no other file.
fn html(table: &Table, rows: &[Filled], about: &Note) -> String {
    let title = table.heading();
    let with_costs = rows.iter().any(|row| row.cost.is_some());
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                div.scroll { table {
                    thead { tr {
                        th { "model" }
                        @for column in &table.columns { @for measure in MEASURES {
                            th { (column.replace('>', " → ").replace('+', " + ")) " " (measure) }
                        } }
                        @if with_costs { @for cost in COSTS { th { (cost) } } }
                    } }
                    tbody { @for row in rows { tr {
                        td { (row.name) }
                        @for cell in &row.cells { @for measure in 0..MEASURES.len() {
                            @let [ours, paper, delta] = words(cell, measure);
                            td {
                                span class=(if cell.ours.is_ok() { "ours" } else { "why" }) { (ours) }
                                " " span.paper { (paper) }
                                span.delta { (delta) }
                            }
                        } }
                        @for cost in costs(row).into_iter().flatten() { td { (cost_words(cost)) } }
                    } } }
                } }
                p { (note(about)) }
                @if with_costs { p { (COST_NOTE) } }
            }
        }
    }
    .into_string()
}
