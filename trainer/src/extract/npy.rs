//! A NumPy array and a table of its rows.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

use super::rows::Rows;
use crate::files;

/// Writes the array `[n, width]` f32 (version 1.0 of NumPy's format), and beside it a CSV of
/// path, identity and camera.
pub fn write(path: &Path, rows: &Rows) -> Result<()> {
    let table = path.with_extension("csv");
    files::write_with(&table, |draft| {
        let failed = || format!("cannot write {}", table.display());
        let mut csv = csv::Writer::from_path(draft).with_context(failed)?;
        csv.write_record(["path", "identity", "camera"])?;
        let number = |value: Option<i32>| value.map(|value| value.to_string()).unwrap_or_default();
        for (index, name) in rows.names.iter().enumerate() {
            let (identity, camera) = (rows.identities[index], rows.cameras[index]);
            csv.write_record([name, &number(identity), &number(camera)])
                .with_context(failed)?;
        }
        csv.flush().with_context(failed)
    })?;
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}",
        rows.len(),
        rows.width
    );
    // Magic, version and length of the header are 10 bytes; it ends with a line's end at a
    // multiple of 64.
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header = format!("{header:<width$}\n", width = length - 1);
    files::write_with(path, |draft| {
        let failed = || format!("cannot write {}", path.display());
        let mut file = BufWriter::new(File::create(draft).with_context(failed)?);
        let mut put = |bytes: &[u8]| file.write_all(bytes).with_context(failed);
        put(b"\x93NUMPY\x01\x00")?;
        put(&(length as u16).to_le_bytes())?;
        put(header.as_bytes())?;
        rows.each_block(&mut put)?;
        file.flush().with_context(failed)
    })
}
