//! The model card: prose that is written by hand, and figures from the files that measured them.

use anyhow::{Context, Result};
use serde_json::Value;

use super::recipe::{DCAC, Size};

const TEMPLATE: &str = include_str!("card.md");

/// The card of a model from the revision that made it, its manifest, and its figures on drawn and
/// on real people.
pub fn write(
    size: Size,
    revision: &str,
    manifest: &Value,
    drawn: &[(&str, Figures)],
    real: Option<&Figures>,
) -> Result<String> {
    let recipe = size.recipe();
    let mut card = TEMPLATE.replace("{size}", size.name());
    let rows = drawn.iter().map(|(domain, figures)| {
        Ok(format!(
            "| `{domain}` | {} | {} | {} |",
            row(&figures.plain)?,
            row(&figures.normalized)?,
            chance(&figures.plain)?
        ))
    });
    let values = [
        ("revision", revision.to_string()),
        (
            "bytes",
            number(&manifest["files"]["model.safetensors"]["bytes"])?,
        ),
        ("identities", number(&manifest["provenance"]["identities"])?),
        ("images", number(&manifest["provenance"]["images"])?),
        ("config", recipe.config.to_string()),
        ("vision", recipe.vision.to_string()),
        ("diffusion", recipe.diffusion.to_string()),
        ("dcac", DCAC.to_string()),
        ("drawn", rows.collect::<Result<Vec<_>>>()?.join("\n")),
        ("real", real.map_or(Ok(UNMEASURED.to_string()), of_real)?),
    ];
    for (key, value) in values {
        card = card.replace(&format!("{{{key}}}"), &value);
    }
    Ok(card)
}

const UNMEASURED: &str = "| not measured: no real pictures were at hand | | | | |";

/// Reports of a test set.
#[derive(Clone)]
pub struct Figures {
    /// By the protocol of the field.
    pub plain: Value,
    /// With embeddings normalised by camera.
    pub normalized: Value,
}

/// A share of a report in percent.
fn percent(report: &Value, key: &str) -> Result<String> {
    let share = report[key].as_f64().with_context(|| format!("no {key}"))?;
    Ok(format!("{:.1}", 100.0 * share))
}

/// Rank-1 and mAP, as two cells.
fn row(report: &Value) -> Result<String> {
    let (rank1, map) = (percent(report, "rank1")?, percent(report, "map")?);
    Ok(format!("{rank1} | {map}"))
}

fn chance(report: &Value) -> Result<String> {
    let (rank1, map) = (
        percent(report, "chance_rank1")?,
        percent(report, "chance_map")?,
    );
    Ok(format!("{rank1} / {map}"))
}

/// Each camera's queries among the other's images alone, as two cells.
fn across(report: &Value) -> Result<String> {
    let pairs = report["cameras"].as_array().context("no camera pairs")?;
    let mean = |key: &str| {
        let all: Option<Vec<f64>> = pairs.iter().map(|pair| pair[key].as_f64()).collect();
        let all = all.filter(|all| !all.is_empty());
        let all = all.with_context(|| format!("no {key} of camera pairs"))?;
        anyhow::Ok(100.0 * all.iter().sum::<f64>() / all.len() as f64)
    };
    Ok(format!("{:.1} | {:.1}", mean("rank1")?, mean("map")?))
}

fn of_real(figures: &Figures) -> Result<String> {
    let line = |gallery: &str, cells: fn(&Value) -> Result<String>| {
        let (plain, normalized) = (cells(&figures.plain)?, cells(&figures.normalized)?);
        anyhow::Ok(format!("| {gallery} | {plain} | {normalized} |"))
    };
    Ok([
        line("the other camera's images", across)?,
        line("all images", row)?,
    ]
    .join("\n"))
}

fn number(value: &Value) -> Result<String> {
    let number = value.as_u64().context("the manifest misses a number")?;
    let digits = number.to_string();
    let groups: Vec<&str> = (digits.as_bytes().rchunks(3).rev())
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    Ok(groups.join(","))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::recipe;
    use super::*;

    #[test]
    fn a_card_says_what_was_measured() -> Result<()> {
        let manifest = json!({
            "files": { "model.safetensors": { "bytes": 794321 } },
            "provenance": { "identities": 4999, "images": 19996 },
        });
        let report = json!({
            "rank1": 0.5, "map": 0.25, "chance_rank1": 0.01, "chance_map": 0.02,
            "cameras": [{ "rank1": 0.5, "map": 0.3 }, { "rank1": 0.7, "map": 0.4 }],
        });
        let figures = Figures {
            plain: report,
            normalized: json!({
                "rank1": 0.55, "map": 0.35, "cameras": [{ "rank1": 0.8, "map": 0.5 }],
            }),
        };
        let drawn = [("plaza", figures.clone())];
        let card = write(Size::Tiny, "1a2b3c4", &manifest, &drawn, Some(&figures))?;
        for text in [
            "# dcac-tiny",
            "revision `1a2b3c4`",
            "794,321 bytes",
            "4,999",
            "| `plaza` | 50.0 | 25.0 | 55.0 | 35.0 | 1.0 / 2.0 |",
            "| the other camera's images | 60.0 | 35.0 | 80.0 | 50.0 |",
            "| all images | 50.0 | 25.0 | 55.0 | 35.0 |",
        ] {
            assert!(card.contains(text), "no {text:?} in:\n{card}");
        }
        assert!(!card.contains('{'), "{card}");
        assert!(write(Size::Tiny, "1a2b3c4", &manifest, &drawn, None)?.contains(UNMEASURED));
        assert!(write(Size::Tiny, "", &json!({}), &drawn, None).is_err());
        Ok(())
    }

    #[test]
    fn recipes_keep_the_domains_of_the_benchmark() {
        assert!(recipe::DOMAINS.contains(&recipe::SHOWN));
        assert!(!recipe::DOMAINS.contains(&recipe::SEEN));
    }
}
