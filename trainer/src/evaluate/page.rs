//! `evaluate --html`: the figures, and the queries with what was found for them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use dcac_model::retrieval::{Calibration, Hit};
use maud::{Markup, html};

use super::Evaluation;
use crate::embedder::Embedder;
use crate::page::{self, Matched, Ranked, legend, meaning, percent};
use crate::{files, progress, report};

/// What the page of an evaluation holds.
#[derive(Args)]
pub struct PageArgs {
    /// Write a page with the hardest queries in pictures too
    #[arg(long)]
    pub html: Option<PathBuf>,
    /// How many queries the page shows
    #[arg(long, requires = "html", default_value_t = 200)]
    html_queries: usize,
    /// How many answers of each query the page shows
    #[arg(long, requires = "html", default_value_t = 10)]
    top: usize,
    /// On the page, show for so many first answers which parts match the query's
    #[arg(long, requires = "html", default_value_t = 0)]
    patches: usize,
}

/// Writes the page with the hardest queries: those of the lowest average precision.
///
/// # Errors
/// Crops that have gone since they were embedded, and a full disk.
pub fn write(
    path: &Path,
    args: &PageArgs,
    evaluation: &Evaluation,
    embedder: &Embedder,
    calibration: Option<Calibration>,
) -> Result<()> {
    let mut order: Vec<(usize, f64)> = (evaluation.average_precision.iter().enumerate())
        .filter_map(|(query, precision)| Some((query, (*precision)?)))
        .collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (count, shown) = (order.len(), args.html_queries.min(order.len()));
    let bar = progress::bar("pictures", shown);
    let mut queries = Vec::with_capacity(shown);
    for &(query, precision) in &order[..shown] {
        let ranking = evaluation.ranking(query)?;
        let mut ranked = evaluation.show(query, &ranking[..args.top.min(ranking.len())])?;
        for hit in &mut ranked.hits {
            hit.probability = calibration.map(|map| map.probability(hit.score));
        }
        let compared = args.patches.min(ranked.hits.len());
        if compared > 0 {
            let asked = embedder.patches(&evaluation.query.crops[query].path)?;
            for (shown, hit) in ranked.hits.iter_mut().zip(&ranking).take(compared) {
                let found = embedder.patches(&evaluation.gallery.crops[hit.index].path)?;
                shown.matched = Some(Matched::of(&asked, &found)?);
            }
        }
        queries.push(article(evaluation, query, precision, &ranking, &ranked));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let report = &evaluation.report;
    let body = html! {
        header { h1.name { (report.name()) } }
        main {
            section {
                h2 { "Results" }
                (report::figures_table(&[report]))
            }
            section {
                h2 { "Hardest queries" }
                p.note {
                    "The " (shown) " of " (count) " queries with the lowest average precision (AP), the "
                    "hardest first; images of the same identity from the same camera are set aside, as in "
                    "the figures. " (legend())
                    @if let Some(map) = &calibration { (meaning(map)) }
                }
                form.filter {
                    label {
                        "First answer "
                        select id="first" {
                            option value="all" { "any" }
                            option value="wrong" { "wrong" }
                            option value="right" { "right" }
                        }
                    }
                    label {
                        "Identity, camera or file "
                        input id="text" type="search" placeholder="p17 c3 0017_c3";
                    }
                    output id="shown" {}
                }
                @for query in &queries { (query) }
            }
        }
    };
    let title = format!("{}: hardest queries", report.name());
    let page = page::document(&title, &body, &[page::FILTER, page::PATCHES]);
    files::write(path, page.as_bytes())
}

fn article(
    evaluation: &Evaluation,
    query: usize,
    precision: f64,
    ranking: &[Hit],
    ranked: &Ranked,
) -> Markup {
    let label = evaluation.query.crops[query].label;
    let matches = ranking.iter().filter(|hit| hit.right).count();
    let first = ranking.iter().position(|hit| hit.right).unwrap_or(0);
    html! {
        article.query data-first=(if first == 0 { "right" } else { "wrong" })
            data-words=(format!("p{} c{}", label.identity, label.camera))
            data-name=(ranked.query.name.to_lowercase()) {
            h4 {
                "AP " (percent(precision)) " %"
                small {
                    "identity " (label.identity) ", camera " (label.camera) "; " (matches)
                    @if matches == 1 { " match" } @else { " matches" }
                    ", the first at rank " (first + 1) "; " (ranked.query.name)
                }
            }
            (ranked.draw())
        }
    }
}
