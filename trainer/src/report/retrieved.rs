//! The section of queries and what was found for them.

use maud::{Markup, html};

use super::Target;
use super::examples::Example;
use crate::page::{legend, percent};

/// Best and worst queries of every test set.
pub(super) fn section(targets: &[Target]) -> Markup {
    html! {
        section {
            h2 { "Best and worst queries" }
            p.note {
                "By average precision (AP), each with the gallery images that came first; images of "
                "the same identity from the same camera are set aside, as in the figures. "
                (legend())
            }
            @for target in targets {
                h3 { (target.report.name()) }
                @match &target.examples {
                    Ok(examples) => {
                        (queries("Best", &examples.best))
                        (queries("Worst", &examples.worst))
                    }
                    Err(reason) => p.missing { "No pictures: " (reason) },
                }
            }
        }
    }
}

fn queries(kind: &str, examples: &[Example]) -> Markup {
    html! {
        @for (place, example) in (1..).zip(examples) {
            article.query {
                h4 {
                    (kind) " " (place) ": AP " (percent(example.average_precision)) " %"
                    @if let Some(label) = example.ranked.query.label {
                        small {
                            "identity " (label.identity) ", camera " (label.camera) "; "
                            (example.matches) @if example.matches == 1 { " match" } @else { " matches" }
                            ", the first at rank " (example.first_match)
                        }
                    }
                }
                (example.ranked.draw())
            }
        }
    }
}
