//! Archives of `torch.save` (since PyTorch 1.6) and `torch.jit.save`: a zip of one
//! pickle and the raw storages that it refers to.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use zip::{CompressionMethod, ZipArchive};

use super::pickle::{self, Object, Value};
use crate::tensors::{Format, Stored, TensorFile, Tensors};

/// A pickle over this is no description of weights.
const LARGEST_PICKLE: u64 = 256 << 20;

/// Entries nested deeper than this are no module's.
const DEEPEST: usize = 64;

/// Every tensor, named by the keys and attributes that lead to it.
pub fn open(path: &Path, file: &Rc<TensorFile>) -> Result<Tensors> {
    let reader = BufReader::new(File::open(path)?);
    let mut archive = ZipArchive::new(reader).context("not a readable zip archive")?;
    let mut storages = BTreeMap::new();
    let mut pickle = None;
    for index in 0..archive.len() {
        // Raw: source code in TorchScript archives is compressed, and not looked at.
        let mut entry = archive.by_index_raw(index)?;
        // The first folder's name is the writer's choice.
        let name = (entry.name().split_once('/')).map_or(entry.name(), |(_, rest)| rest);
        let storage = name.strip_prefix("data/").map(str::to_string);
        let name = name.to_string();
        if storage.is_none() && name != "data.pkl" && name != "byteorder" {
            continue;
        }
        if entry.compression() != CompressionMethod::Stored {
            bail!("{name} is compressed in the archive, which torch.save never does");
        }
        if let Some(key) = storage {
            let start = entry
                .data_start()
                .with_context(|| format!("{name} has no place"))?;
            storages.insert(key, [start, start.saturating_add(entry.size())]);
            continue;
        }
        if entry.size() > LARGEST_PICKLE {
            bail!(
                "{name} has {} bytes, more than any description of weights",
                entry.size()
            );
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        if name == "data.pkl" {
            pickle = Some(bytes);
        } else if bytes.trim_ascii() != b"little" {
            bail!("it was written on a big-endian machine, which is not supported");
        }
    }
    let pickle = pickle.context("the archive has no data.pkl, as those of torch.save have")?;
    let mut walk = Walk {
        file,
        storages,
        tensors: Tensors::new(),
        path: Vec::new(),
        depth: 0,
    };
    walk.value(&pickle::read(&pickle)?)?;
    Ok(walk.tensors)
}

struct Walk<'a> {
    file: &'a Rc<TensorFile>,
    /// First byte of every storage and the one after its last.
    storages: BTreeMap<String, [u64; 2]>,
    tensors: Tensors,
    path: Vec<String>,
    depth: usize,
}

impl Walk<'_> {
    fn value(&mut self, value: &Value) -> Result<()> {
        // A pickle can hold itself.
        if self.depth >= DEEPEST {
            bail!("its entries are nested deeper than {DEEPEST}");
        }
        self.depth += 1;
        match value {
            Value::Dict(entries) => self.entries(&entries.borrow())?,
            Value::Object(object) => self.object(object)?,
            _ => {}
        }
        self.depth -= 1;
        Ok(())
    }

    fn entries(&mut self, entries: &[(Value, Value)]) -> Result<()> {
        for (key, value) in entries {
            if let Some(key) = key.text() {
                self.path.push(key.to_string());
                self.value(value)?;
                self.path.pop();
            }
        }
        Ok(())
    }

    fn object(&mut self, object: &Object) -> Result<()> {
        let class = match &object.class {
            Value::Global(name) => name.as_ref(),
            _ => "",
        };
        let arguments = object.arguments.tuple();
        match class {
            "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor" => {
                let name = self.path.join(".");
                let tensor = (self.tensor(arguments)).with_context(|| format!("`{name}`"))?;
                self.tensors.insert(name, tensor);
                Ok(())
            }
            "torch._utils._rebuild_parameter" => match arguments.first() {
                Some(tensor) => self.value(tensor),
                None => Ok(()),
            },
            // Dictionaries of other classes, and modules: their entries and attributes.
            _ => {
                self.entries(&object.items.borrow())?;
                self.value(&object.state.borrow())
            }
        }
    }

    fn tensor(&self, arguments: &[Value]) -> Result<Stored> {
        let [Value::Persistent(storage), offset, shape, strides, ..] = arguments else {
            bail!("a tensor that is described in an unknown way");
        };
        let ["storage", class, key] = storage_of(storage)? else {
            bail!("a tensor without a storage");
        };
        let format = format(class)?;
        let missing = || format!("its storage {key} is not in the archive");
        let &[start, end] = self.storages.get(key).with_context(missing)?;
        let counts = |value: &Value| -> Option<Vec<usize>> {
            value.tuple().iter().map(Value::count).collect()
        };
        let (Some(offset), Some(shape), Some(strides)) =
            (offset.count(), counts(shape), counts(strides))
        else {
            bail!("a tensor whose shape is no list of whole numbers");
        };
        let start = start.saturating_add(offset.saturating_mul(format.size()) as u64);
        Stored::new(self.file, [start, end], format, shape, Some(strides))
    }
}

/// The word `storage`, the class and the key of a storage.
fn storage_of(value: &Value) -> Result<[&str; 3]> {
    match value.tuple() {
        [
            Value::Text(word),
            Value::Global(class),
            Value::Text(key),
            ..,
        ] => Ok([word, class, key]),
        _ => bail!("a storage that is described in an unknown way"),
    }
}

fn format(class: &str) -> Result<Format> {
    Ok(match class.strip_prefix("torch.").unwrap_or(class) {
        "HalfStorage" => Format::F16,
        "BFloat16Storage" => Format::Bf16,
        "FloatStorage" => Format::F32,
        "DoubleStorage" => Format::F64,
        "LongStorage" => Format::Other(8),
        "IntStorage" => Format::Other(4),
        "ShortStorage" => Format::Other(2),
        "CharStorage" | "ByteStorage" | "BoolStorage" => Format::Other(1),
        _ => bail!("the storage class {class} is not supported"),
    })
}
