//! A query and what was found for it.

use dcac_model::retrieval::Calibration;
use maud::{Markup, html};

use super::{Matched, Picture};

/// A query and the start of its ranking.
pub struct Ranked {
    /// The query.
    pub query: Picture,
    /// The most alike gallery images, most alike first.
    pub hits: Vec<Shown>,
    /// Whether file names stand under the hits, not only where one points at them.
    pub names: bool,
}

/// A gallery image of a ranking.
pub struct Shown {
    /// The image.
    pub picture: Picture,
    /// Cosine similarity, or what re-ranking made of it.
    pub score: f32,
    /// The probability that it is right, where the model is calibrated.
    pub probability: Option<f64>,
    /// Whether it shows the query's identity, where that is known.
    pub right: Option<bool>,
    /// Where it matches the query.
    pub matched: Option<Matched>,
}

/// A share in percent.
pub fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

/// What the marks and numbers of a ranking mean.
pub fn legend() -> Markup {
    html! {
        b.yes { "✓ right" } " in a solid frame shows the query's identity, "
        b.no { "✗ wrong" } " in a dashed one does not. The number under a picture is its "
        "score: the cosine similarity to the query, unless it was re-ranked."
    }
}

/// What the percentages of a ranking mean.
pub fn meaning(map: &Calibration) -> Markup {
    html! {
        " The percentage is the probability that both show the same person, where "
        (format!("{:.3}", 100.0 * map.prior)) " % of all pairs of a query and a gallery image do. It was "
        "learned from the set that the model was calibrated on; for other cameras it may be too "
        "high or too low."
    }
}

impl Ranked {
    /// The query beside its hits, and below where they match.
    pub fn draw(&self) -> Markup {
        let whys = self.hits.iter().zip(1..);
        let whys = whys.filter_map(|(hit, rank)| Some((hit.matched.as_ref()?, rank)));
        html! {
            div.ranking {
                figure.asked {
                    (picture(&self.query))
                    figcaption {
                        "query"
                        @if let Some(label) = self.query.label { span { "camera " (label.camera) } }
                    }
                }
                ol {
                    @for (rank, hit) in (1..).zip(&self.hits) {
                        (shown(rank, hit, self.names))
                    }
                }
            }
            @for (matched, rank) in whys {
                (matched.draw(&format!("Where the query and hit {rank} match")))
            }
        }
    }
}

fn shown(rank: usize, hit: &Shown, names: bool) -> Markup {
    let (class, mark) = match hit.right {
        Some(true) => ("yes", Some("✓ right")),
        Some(false) => ("no", Some("✗ wrong")),
        None => ("", None),
    };
    html! {
        li class=(class) {
            span.rank { (rank) }
            (picture(&hit.picture))
            @if let Some(mark) = mark { b { (mark) } }
            @if let Some(probability) = hit.probability {
                span title="Probability that both show the same person" { (percent(probability)) " %" }
            }
            span {
                (format!("{:.3}", hit.score))
                @if let Some(label) = hit.picture.label { " · c" (label.camera) }
            }
            @if names { span.name { (hit.picture.name) } }
        }
    }
}

fn picture(picture: &Picture) -> Markup {
    html! {
        img src=(picture.source) alt=(picture.name) title=(picture.name) loading="lazy";
    }
}
