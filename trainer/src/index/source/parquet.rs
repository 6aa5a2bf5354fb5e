//! Parquet files, read a number of rows at a time.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, bail};
use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{BLOCK, Block, Source};

/// Reads the columns `path` (text) and `embedding` (a list of fixed size of f32), and in the
/// metadata the SHA-256 of the weights under `model`.
pub fn open(path: &Path) -> Result<Source> {
    let file = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
    let field = file.schema().field_with_name("embedding")?;
    let width = match field.data_type() {
        DataType::FixedSizeList(item, width) if *item.data_type() == DataType::Float32 => {
            usize::try_from(*width)?
        }
        other => bail!("`embedding` is {other}, expected a list of fixed size of f32"),
    };
    let told = file.metadata().file_metadata();
    let rows = usize::try_from(told.num_rows())?;
    let keys = told.key_value_metadata().into_iter().flatten();
    let model = { keys }
        .find(|entry| entry.key == "model")
        .and_then(|entry| entry.value.clone());
    let columns = ProjectionMask::columns(file.parquet_schema(), ["path", "embedding"]);
    let batches = file
        .with_projection(columns)
        .with_batch_size(BLOCK)
        .build()?;
    Ok(Source {
        rows,
        width,
        model,
        blocks: Box::new(batches.map(|batch| block(&batch?))),
    })
}

fn block(batch: &RecordBatch) -> Result<Block> {
    let column = |name| {
        (batch.column_by_name(name))
            .filter(|column| column.null_count() == 0)
            .with_context(|| format!("no column `{name}` without gaps"))
    };
    let paths = column("path")?.as_string_opt::<i32>();
    let paths = paths.context("`path` is no text")?;
    let lists = column("embedding")?.as_fixed_size_list_opt();
    let numbers = lists.and_then(|lists| lists.values().as_primitive_opt::<Float32Type>());
    let numbers = numbers.context("`embedding` is no list of f32")?;
    if numbers.null_count() > 0 || numbers.len() % batch.num_rows() != 0 {
        bail!("`embedding` has gaps");
    }
    Ok(Block {
        paths: paths.iter().flatten().map(str::to_string).collect(),
        embeddings: numbers.values().to_vec(),
    })
}
