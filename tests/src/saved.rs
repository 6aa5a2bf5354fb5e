//! What the page hands over as files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use thirtyfour::WebDriver;

use crate::devtools;
use crate::page::Page;

/// Folder that a browser saves to.
pub struct Saved(TempDir);

impl Saved {
    /// The folder of a browser that saves nowhere yet.
    pub async fn of(driver: &WebDriver) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let to = json!({ "behavior": "allow", "downloadPath": folder.path() });
        devtools::command(driver, "Browser.setDownloadBehavior", to).await?;
        Ok(Self(folder))
    }

    /// Saves what a line of the menu offers and returns the file.
    pub async fn take(&self, page: &Page, line: &str, name: &str) -> Result<PathBuf> {
        let path = self.0.path().join(name);
        if path.exists() {
            fs::remove_file(&path)?;
        }
        let script = format!(
            "document.querySelector('#export').open = true;
            [...document.querySelectorAll('#export li button')]
                .find(button => button.textContent.startsWith('{line}')).click(); return true"
        );
        page.wait_for(&script).await?;
        let end = Instant::now() + Duration::from_secs(30);
        // A browser may take the name with an empty file first; all of it then comes at once.
        while fs::metadata(&path).map_or(0, |file| file.len()) == 0 {
            ensure!(Instant::now() < end, "{name} has not been saved");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(path)
    }

    /// Saves the embeddings and reads them as [`array()`] does.
    pub async fn embeddings(&self, page: &Page) -> Result<(Vec<String>, Vec<f32>, usize)> {
        self.take(page, "Rows of the embeddings", "embeddings.csv")
            .await?;
        let file = self
            .take(page, "Embeddings, NumPy", "embeddings.npy")
            .await?;
        array(&file)
    }
}

/// Values `[n, width]` of a NumPy file, and the paths beside it.
pub fn array(path: &Path) -> Result<(Vec<String>, Vec<f32>, usize)> {
    let bytes = fs::read(path)?;
    ensure!(bytes.starts_with(b"\x93NUMPY\x01\x00"), "no NumPy file");
    let length = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    ensure!(length.is_multiple_of(64), "a header of {length} bytes");
    let header = std::str::from_utf8(&bytes[10..length])?;
    ensure!(
        header.contains("'descr': '<f4', 'fortran_order': False"),
        "{header}"
    );
    let shape = header.split_once("'shape': (").context("no shape")?.1;
    let shape = shape.split_once(')').context("no shape")?.0;
    let (rows, width) = shape.split_once(", ").context("no two sizes")?;
    let (rows, width): (usize, usize) = (rows.parse()?, width.parse()?);
    let (numbers, rest) = bytes[length..].as_chunks();
    let values: Vec<f32> = numbers
        .iter()
        .map(|&word| f32::from_le_bytes(word))
        .collect();
    ensure!(
        rest.is_empty() && values.len() == rows * width,
        "{} values",
        values.len()
    );
    let mut table = csv::Reader::from_path(path.with_extension("csv"))?;
    ensure!(
        table.headers()? == ["path", "identity", "camera"].as_slice(),
        "other columns"
    );
    let names: Result<Vec<String>, csv::Error> =
        table.records().map(|row| Ok(row?[0].to_string())).collect();
    let names = names?;
    ensure!(names.len() == rows, "{} names for {rows} rows", names.len());
    Ok((names, values, width))
}
