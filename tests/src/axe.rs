//! What keeps people with disabilities from using a page, as far as axe-core sees it.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;
use thirtyfour::WebDriver;
use xtask::tools;

/// Serious and critical violations on the page as it is shown now: rule, help and elements.
pub async fn violations(driver: &WebDriver) -> Result<Vec<String>> {
    let path = tools::axe()?;
    let script =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    driver.execute(script, vec![]).await?;
    let run = "const done = arguments[arguments.length - 1];
        axe.run(document, { resultTypes: ['violations'] })
            .then(found => done(found.violations), error => done(String(error)))";
    let found: Value = driver.execute_async(run, vec![]).await?.convert()?;
    let found = found.as_array().with_context(|| found.to_string())?;
    let serious = found
        .iter()
        .filter(|violation| matches!(violation["impact"].as_str(), Some("serious" | "critical")));
    Ok(serious.map(describe).collect())
}

fn describe(violation: &Value) -> String {
    let nodes = violation["nodes"].as_array().into_iter().flatten();
    let nodes: Vec<String> = nodes
        .map(|node| format!("{} {}", node["target"], node["any"][0]["message"]))
        .collect();
    format!(
        "{} ({}): {}",
        violation["id"],
        violation["help"],
        nodes.join("; ")
    )
}
