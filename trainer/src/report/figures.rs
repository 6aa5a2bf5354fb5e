//! The section of final figures.

use maud::{Markup, html};

use super::Target;
use super::chart::{Chart, Line, Scale};
use super::history::History;
use super::training;
use crate::evaluate::Report;
use crate::page::percent;

/// The table, the CMC curve, and how the figures came about during training.
pub(super) fn section(targets: &[Target], history: &History) -> Markup {
    let reports: Vec<&Report> = targets.iter().map(|target| &target.report).collect();
    let cmc = reports.iter().map(|report| Line {
        name: report.name(),
        points: (1..)
            .zip(&report.metrics.cmc)
            .map(|(rank, share)| (f64::from(rank), 100.0 * share))
            .collect(),
    });
    html! {
        section {
            h2 { "Results" }
            (table(&reports))
            div.charts {
                (Chart {
                    title: "CMC: queries with a match by rank, %",
                    x: "rank",
                    scale: Scale::Linear,
                    raw: Vec::new(),
                    lines: cmc.collect(),
                    epochs: &[],
                    dots: true,
                }.draw())
                (training::evaluations(&history.evaluations))
            }
        }
    }
}

/// The figures of test sets, each above those of a random order.
pub fn table(reports: &[&Report]) -> Markup {
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th scope="col" { "Test set" }
                        @for head in ["mAP", "Rank-1", "Rank-5", "Rank-10", "mINP", "queries", "gallery"] {
                            th scope="col" { (head) }
                        }
                    }
                }
                tbody {
                    @for report in reports {
                        @let metrics = &report.metrics;
                        tr {
                            th scope="row" { (report.name()) }
                            td.main { (percent(metrics.map)) }
                            td.main { (percent(report.rank1)) }
                            td { (percent(report.rank5)) }
                            td { (percent(report.rank10)) }
                            td { (percent(metrics.minp)) }
                            td { (metrics.queries) }
                            td { (metrics.gallery) }
                        }
                        tr.chance {
                            th scope="row" { "random order" }
                            td { (percent(metrics.chance_map)) }
                            td { (percent(metrics.chance_rank1)) }
                            td {} td {} td {} td {} td {}
                        }
                    }
                }
            }
        }
        p.note {
            "Percent. A gallery image of the query's identity from the query's own camera is set aside"
            @for report in reports {
                @if report.metrics.skipped > 0 {
                    "; " (report.metrics.skipped) " queries of " (report.name())
                    " have no match from another camera and are left out"
                }
            }
            ". "
            @if reports.iter().all(|report| report.reranked.is_none() && report.expanded_by.is_none()) {
                "No re-ranking."
            }
            @for report in reports {
                @if report.normalized_cameras {
                    (report.name()) ": embeddings normalised by camera. "
                }
                @if let Some([k1, k2, lambda]) = report.reranked {
                    (report.name()) ": k-reciprocal re-ranking with k1 " (k1) ", k2 " (k2) ", lambda " (lambda) ". "
                }
                @if let Some(count) = report.expanded_by {
                    (report.name()) ": queries averaged with their " (count) " nearest gallery images. "
                }
            }
        }
    }
}
