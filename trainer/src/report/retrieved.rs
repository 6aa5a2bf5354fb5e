//! The section of queries and what was found for them.

use maud::{Markup, html};

use super::Target;
use super::examples::{Example, Picture, Shown};
use super::figures::percent;

/// Best and worst queries of every test set.
pub(super) fn section(targets: &[Target]) -> Markup {
    html! {
        section {
            h2 { "Best and worst queries" }
            p.note {
                "By average precision (AP), each with the gallery images that came first; images of "
                "the same identity from the same camera are set aside, as in the figures. "
                b.yes { "✓ right" } " in a solid frame shows the query's identity, "
                b.no { "✗ wrong" } " in a dashed one does not. The number under a picture is its "
                "cosine similarity to the query."
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
                    small {
                        "identity " (example.query.identity) ", camera " (example.query.camera) "; "
                        (example.matches) @if example.matches == 1 { " match" } @else { " matches" }
                        ", the first at rank " (example.first_match)
                    }
                }
                div.ranking {
                    figure.asked {
                        (picture(&example.query))
                        figcaption { "query" span { "camera " (example.query.camera) } }
                    }
                    ol {
                        @for (rank, hit) in (1..).zip(&example.hits) {
                            (shown(rank, hit))
                        }
                    }
                }
            }
        }
    }
}

fn shown(rank: usize, hit: &Shown) -> Markup {
    let (class, sign, word) = if hit.right {
        ("yes", "✓", "right")
    } else {
        ("no", "✗", "wrong")
    };
    html! {
        li class=(class) {
            span.rank { (rank) }
            (picture(&hit.picture))
            b { (sign) " " (word) }
            span { (format!("{:.3}", hit.score)) " · c" (hit.picture.camera) }
        }
    }
}

fn picture(picture: &Picture) -> Markup {
    html! {
        img src=(picture.source) alt=(picture.name) title=(picture.name) loading="lazy";
    }
}
