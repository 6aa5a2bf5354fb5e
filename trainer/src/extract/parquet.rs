//! A Parquet file.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{
    ArrayRef, FixedSizeListArray, Float32Array, Int32Array, RecordBatch, StringArray,
};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::rows::Rows;
use crate::files;

/// Writes the columns `path` (text), `identity`, `camera` (i32, empty where a name says none)
/// and `embedding` (a list of `width` f32), a row group for every block of rows. The SHA-256 of
/// the model's weights stands in the metadata under `model`.
pub fn write(path: &Path, rows: &Rows) -> Result<()> {
    let width = i32::try_from(rows.width)?;
    let item = Arc::new(Field::new("element", DataType::Float32, false));
    let list = DataType::FixedSizeList(item.clone(), width);
    let schema = Arc::new(Schema::new(vec![
        Field::new("path", DataType::Utf8, false),
        Field::new("identity", DataType::Int32, true),
        Field::new("camera", DataType::Int32, true),
        Field::new("embedding", list, false),
    ]));
    // Embeddings never repeat: a dictionary of them would only cost time.
    let embedding = ColumnPath::from(vec!["embedding".into(), "list".into(), "element".into()]);
    let properties = WriterProperties::builder()
        .set_column_dictionary_enabled(embedding, false)
        .set_key_value_metadata(Some(vec![KeyValue::new(
            "model".into(),
            rows.model.clone(),
        )]))
        .build();
    files::write_with(path, |draft| {
        let failed = || format!("cannot write {}", path.display());
        let file = File::create(draft).with_context(failed)?;
        let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(properties))?;
        let mut start = 0;
        rows.each_block(|bytes| {
            let (words, _) = bytes.as_chunks();
            let numbers = words.iter().map(|&word| f32::from_le_bytes(word));
            let numbers: ArrayRef = Arc::new(Float32Array::from_iter_values(numbers));
            let end = start + numbers.len() / rows.width;
            let columns: Vec<ArrayRef> = vec![
                Arc::new(StringArray::from_iter_values(&rows.names[start..end])),
                Arc::new(Int32Array::from(rows.identities[start..end].to_vec())),
                Arc::new(Int32Array::from(rows.cameras[start..end].to_vec())),
                Arc::new(FixedSizeListArray::try_new(
                    item.clone(),
                    width,
                    numbers,
                    None,
                )?),
            ];
            start = end;
            writer.write(&RecordBatch::try_new(schema.clone(), columns)?)?;
            // A row group is kept in memory until it is whole.
            writer.flush().with_context(failed)
        })?;
        writer.close().map(drop).with_context(failed)
    })
}
