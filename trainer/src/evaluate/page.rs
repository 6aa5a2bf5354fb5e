//! `evaluate --html`: the figures, and the queries with what was found for them.

use std::path::Path;

use anyhow::Result;
use maud::{Markup, html};

use super::Evaluation;
use crate::page::{self, legend, percent};
use crate::{files, report};

/// Hits of each query.
const TOP: usize = 10;

/// Writes the page with the `most` hardest queries: those of the lowest average precision.
///
/// # Errors
/// Crops that have gone since they were embedded, and a full disk.
pub fn write(path: &Path, evaluation: &Evaluation, most: usize) -> Result<()> {
    let mut order: Vec<(usize, f64)> = (evaluation.average_precision.iter().enumerate())
        .filter_map(|(query, precision)| Some((query, (*precision)?)))
        .collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (count, shown) = (order.len(), most.min(order.len()));
    let bar = files::progress("pictures", shown);
    let mut queries = Vec::with_capacity(shown);
    for &(query, precision) in &order[..shown] {
        queries.push(article(evaluation, query, precision)?);
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
    let page = page::document(&title, &body, &[include_str!("../page/filter.js")]);
    files::write(path, page.as_bytes())
}

fn article(evaluation: &Evaluation, query: usize, precision: f64) -> Result<Markup> {
    let ranking = evaluation.ranking(query)?;
    let ranked = evaluation.show(query, &ranking[..TOP.min(ranking.len())])?;
    let label = evaluation.query.crops[query].label;
    let matches = ranking.iter().filter(|hit| hit.right).count();
    let first = ranking.iter().position(|hit| hit.right).unwrap_or(0);
    Ok(html! {
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
    })
}
