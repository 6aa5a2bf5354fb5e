//! The map of the gallery on the page.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::page::Page;

/// Keeps what the search worker says of the map.
pub const LISTEN: &str = "
    window.maps = [];
    const Plain = window.Worker;
    window.Worker = class extends Plain {
        constructor(...given) {
            super(...given);
            this.addEventListener('message', event => {
                const map = JSON.parse(event.data[1] ?? '{}').Mapped;
                if (map) window.maps.push(map);
            });
        }
    };";

/// Shows the map and waits until it stands still.
pub async fn show(page: &Page) -> Result<()> {
    page.click("#show-map").await?;
    page.wait_for("return document.querySelector('#map')?.dataset.state === 'done'")
        .await?;
    // Frames move the pictures until they are where they belong.
    let mut before = String::new();
    loop {
        let drawn = "return document.querySelector('#map canvas').toDataURL()";
        let now: String = page.value(drawn).await?;
        if now == before {
            return Ok(());
        }
        before = now;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Presses a key on the map.
pub fn key(key: &str) -> String {
    format!(
        "const canvas = document.querySelector('#map canvas'); canvas.focus();
        canvas.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true }}));
        return true"
    )
}

/// Name and place on the screen of the picture that is pointed at.
pub async fn tip(page: &Page) -> Result<(String, [f64; 2])> {
    // It comes with the next frame.
    let script = "for (let frame = 0; frame < 3; frame++)
            await new Promise(next => requestAnimationFrame(next));
        const tip = document.querySelector('#map .tip');
        return tip && [tip.dataset.name, [Number(tip.dataset.x), Number(tip.dataset.y)]]";
    let script = format!("return (async () => {{ {script} }})()");
    let found: Option<(String, [f64; 2])> = page.value(&script).await?;
    found.context("nothing is pointed at")
}
