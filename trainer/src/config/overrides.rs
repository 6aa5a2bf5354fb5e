//! `--set KEY=VALUE`.

use anyhow::{Result, bail};
use toml::{Table, Value};

/// Sets a dotted key. The value is read as TOML, and as a plain string where it is
/// none, so `optim.base_lr=1e-5` and `diffusion.fine_tune=lora` both do what they say.
pub fn apply(table: &mut Table, set: &str) -> Result<()> {
    let Some((key, text)) = set.split_once('=') else {
        bail!("--set {set}: expected KEY=VALUE, such as optim.base_lr=1e-5");
    };
    let value = format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_string()));
    let mut parts: Vec<&str> = key.trim().split('.').collect();
    let Some(last) = parts.pop() else {
        bail!("--set {set}: the key is empty");
    };
    let mut at = table;
    for part in parts {
        let entry = at.entry(part).or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(inner) = entry else {
            bail!("--set {set}: `{part}` is a value, not a table of keys");
        };
        at = inner;
    }
    at.insert(last.to_string(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_strings_and_new_tables() -> Result<()> {
        let mut table: Table = "[optim]\nepochs = 3".parse()?;
        apply(&mut table, "optim.epochs=5")?;
        apply(&mut table, "diffusion.fine_tune=lora")?;
        assert_eq!(table["optim"]["epochs"].as_integer(), Some(5));
        assert_eq!(table["diffusion"]["fine_tune"].as_str(), Some("lora"));
        assert!(apply(&mut table, "optim").is_err());
        assert!(apply(&mut table, "optim.epochs.deep=1").is_err());
        Ok(())
    }
}
