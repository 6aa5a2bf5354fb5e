//! One safetensors file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::rows::Rows;
use crate::files;

/// The format's own limit of a header, which holds the names.
const HEADER: usize = 100_000_000;

/// Writes `embeddings` `[n, width]` f32, `identity` and `camera` `[n]` i32, -1 and 0 where a
/// name says none. The names, one a line, stand in the metadata under `images`, the SHA-256 of
/// the model's weights under `model`.
pub fn write(path: &Path, rows: &Rows) -> Result<()> {
    let (count, width) = (rows.len(), rows.width);
    let words = count * 4;
    let end = count * width * 4;
    let entry = |dtype: &str, shape: &[usize], from: usize, to: usize| json!({ "dtype": dtype, "shape": shape, "data_offsets": [from, to] });
    let header = json!({
        "__metadata__": { "images": rows.names.join("\n"), "model": rows.model },
        "embeddings": entry("F32", &[count, width], 0, end),
        "identity": entry("I32", &[count], end, end + words),
        "camera": entry("I32", &[count], end + words, end + 2 * words),
    });
    let mut header = serde_json::to_vec(&header)?;
    // The format wants the numbers to begin at a multiple of 8.
    header.resize(header.len().next_multiple_of(8), b' ');
    if header.len() > HEADER {
        bail!("{count} names are more than a safetensors file may hold; write .parquet");
    }
    files::write_with(path, |draft| {
        let failed = || format!("cannot write {}", path.display());
        let mut file = BufWriter::new(File::create(draft).with_context(failed)?);
        let mut put = |bytes: &[u8]| file.write_all(bytes).with_context(failed);
        put(&(header.len() as u64).to_le_bytes())?;
        put(&header)?;
        rows.each_block(&mut put)?;
        for (column, none) in [(&rows.identities, -1), (&rows.cameras, 0)] {
            for value in column {
                put(&value.unwrap_or(none).to_le_bytes())?;
            }
        }
        file.flush().with_context(failed)
    })
}
