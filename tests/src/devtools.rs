//! What only the browser's developer tools can do to a page.

use anyhow::Result;
use serde_json::{Value, json};
use thirtyfour::WebDriver;
use thirtyfour::extensions::cdp::ChromeDevTools;

/// One command of the Chrome DevTools Protocol.
pub async fn command(driver: &WebDriver, name: &str, parameters: Value) -> Result<Value> {
    let tools = ChromeDevTools::new(driver.handle.clone());
    Ok(tools.execute_cdp_with_params(name, parameters).await?)
}

/// Has the visitor prefer a `light` or a `dark` page, in which nothing moves: what changes its
/// colours slowly is of neither scheme for a while.
pub async fn prefer(driver: &WebDriver, scheme: &str) -> Result<()> {
    let features = json!([
        { "name": "prefers-color-scheme", "value": scheme },
        { "name": "prefers-reduced-motion", "value": "reduce" },
    ]);
    command(
        driver,
        "Emulation.setEmulatedMedia",
        json!({ "features": features }),
    )
    .await?;
    Ok(())
}

/// Gives the page a screen of a size in CSS pixels.
pub async fn screen(driver: &WebDriver, width: u32, height: u32) -> Result<()> {
    let metrics = json!({
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false
    });
    command(driver, "Emulation.setDeviceMetricsOverride", metrics).await?;
    Ok(())
}

/// Lets files that end in one of `names` not arrive, and all others again.
pub async fn block(driver: &WebDriver, names: &[&str]) -> Result<()> {
    command(driver, "Network.enable", json!({})).await?;
    let urls: Vec<String> = names.iter().map(|name| format!("*{name}")).collect();
    command(driver, "Network.setBlockedURLs", json!({ "urls": urls })).await?;
    Ok(())
}
