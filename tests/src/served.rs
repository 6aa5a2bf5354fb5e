//! A site with a small model, and what its answers are compared with.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::browser::with_browser;
use crate::page::Page;
use crate::site::Site;
use crate::trainer::{Hit, Trained, rank_evened};

/// How far a score in the browser may be from the trainer's.
pub const TOLERANCE: f64 = 1e-3;

/// A small model, and the site with it.
pub struct Served {
    /// The model and its data.
    pub trained: Trained,
    /// The site.
    pub site: Site,
}

impl Served {
    /// Trains, exports, and serves the site with what came of it.
    pub fn start() -> Result<Self> {
        let trained = Trained::make()?;
        let (f16, f32) = (trained.path("f16"), trained.path("f32"));
        let site = Site::serve(&[("f16", &f16), ("f32", &f32)], &[])?;
        Ok(Self { trained, site })
    }

    /// Ranks in the browser and by the trainer, and compares.
    pub async fn compare(
        &self,
        backend: &str,
        model: &str,
        query: &Path,
        gallery: &[PathBuf],
    ) -> Result<()> {
        let native = rank_evened(&self.trained.path(model), query, gallery)?;
        with_browser(async |driver| {
            let choice = format!("?backend={backend}&model={model}");
            let page = Page::open(&driver, &self.site.url(), &choice).await?;
            let hits = page.rank(query, gallery).await?;
            let engine = page.text("engine").await?;
            println!("{backend}, {model}: {engine}");
            let right = engine.to_lowercase().contains(backend);
            ensure!(right, "computed by: {engine}");
            agree(&hits, &native)?;
            for address in page.loaded().await? {
                let own = address.starts_with(&self.site.url()) || address.starts_with("blob:");
                ensure!(own, "{address} is outside of the site");
            }
            Ok(())
        })
        .await
    }
}

/// Compares every value of two rankings of the same pictures.
pub fn agree(browser: &[Hit], native: &[Hit]) -> Result<()> {
    ensure!(
        browser.len() == native.len(),
        "{} results, expected {}",
        browser.len(),
        native.len()
    );
    let spread = native[0].score - native[native.len() - 1].score;
    ensure!(
        spread > 20.0 * TOLERANCE,
        "scores too alike to compare: spread {spread}"
    );
    let mut worst = 0.0_f64;
    let mut expected = Vec::new();
    for hit in browser {
        let same = native.iter().find(|other| other.name == hit.name);
        let same = same.with_context(|| format!("{} is not in the gallery", hit.name))?;
        let difference = (hit.score - same.score).abs();
        ensure!(
            difference < TOLERANCE,
            "{}: {} against {}",
            hit.name,
            hit.score,
            same.score
        );
        worst = worst.max(difference);
        expected.push(same.score);
    }
    // Only scores that rounding can exchange may stand in another order.
    for (place, pair) in expected.windows(2).enumerate() {
        ensure!(
            pair[0] >= pair[1] - 2.0 * worst,
            "place {} and {} are exchanged: {} {}",
            place + 1,
            place + 2,
            browser[place].name,
            browser[place + 1].name
        );
    }
    println!(
        "{} scores, spread {spread:.4}, largest difference {worst:.2e}",
        browser.len()
    );
    Ok(())
}
