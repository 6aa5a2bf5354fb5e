//! Moments of the training images on disk: computed once for all runs that share a folder.
//!
//! The file's name and content carry a key of everything that the moments depend on; a
//! file that is cut short, changed or of another key is made anew, never trusted.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, anyhow};
use burn::tensor::backend::Backend;
use dcac_model::diffusion::VaeEncoder;
use dcac_model::weights::values;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use crate::data::TrainingSet;
use crate::files;

/// Mean and log-variance of every image, row by row.
pub struct Moments {
    /// Means.
    pub mean: Vec<f32>,
    /// Logarithms of the variances.
    pub log_variance: Vec<f32>,
}

/// One file of moments.
pub struct LatentFile {
    path: PathBuf,
    key: String,
    /// `[images, latent, h, w]`.
    shape: Vec<usize>,
}

const KEY: &str = "key";
const MEAN: &str = "mean";
const LOG_VARIANCE: &str = "log_variance";

impl LatentFile {
    /// The file in `folder` for these images, seen by this VAE as squares of `side` pixels.
    /// An image counts as changed when its size or its time of modification has.
    pub fn find<B: Backend>(
        folder: &Path,
        set: &TrainingSet,
        vae: &VaeEncoder<B>,
        side: usize,
        shape: [usize; 3],
    ) -> Result<Self> {
        let mut hash = Sha256::new();
        hash.update(side.to_le_bytes());
        for image in &set.images {
            let found = image
                .path
                .metadata()
                .and_then(|about| Ok((about.len(), about.modified()?)));
            let (bytes, modified) =
                found.with_context(|| format!("cannot read {}", image.path.display()))?;
            let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
            hash.update(files::name(&image.path));
            hash.update(bytes.to_le_bytes());
            hash.update(since.as_nanos().to_le_bytes());
        }
        for tensor in values(vae) {
            let numbers = (tensor.read)();
            let numbers = numbers.map_err(|error| anyhow!("`{}`: {error}", tensor.name))?;
            hash.update(&tensor.name);
            hash.update(bytes_of(&numbers));
        }
        let key = files::hex(&hash.finalize());
        Ok(Self {
            path: folder.join(format!("latents-{}.safetensors", &key[..16])),
            key,
            shape: [&[set.images.len()], &shape[..]].concat(),
        })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The moments, if the file is there and whole; says why not, if it is not whole.
    pub fn read(&self) -> Option<Moments> {
        if !self.path.is_file() {
            return None;
        }
        let moments = files::read(&self.path).and_then(|bytes| self.parse(&bytes));
        moments
            .inspect(|_| println!("latents from {}", self.path.display()))
            .inspect_err(|error| println!("{} is made anew: {error:#}", self.path.display()))
            .ok()
    }

    fn parse(&self, bytes: &[u8]) -> Result<Moments> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).context("it is cut short")?;
        let key = metadata
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get(KEY).cloned());
        let tensors = SafeTensors::deserialize(bytes).context("it is cut short")?;
        let read = |name: &str| -> Result<Vec<f32>> {
            let tensor = tensors.tensor(name)?;
            if tensor.shape() != self.shape || tensor.dtype() != Dtype::F32 {
                return Err(anyhow!("it is of other images"));
            }
            let (chunks, _) = tensor.data().as_chunks::<4>();
            Ok(chunks
                .iter()
                .map(|&chunk| f32::from_le_bytes(chunk))
                .collect())
        };
        let moments = Moments {
            mean: read(MEAN)?,
            log_variance: read(LOG_VARIANCE)?,
        };
        if key != Some(self.stamp(&moments)) {
            return Err(anyhow!("it is not what was written"));
        }
        Ok(moments)
    }

    /// Writes the moments beside the file's name and renames.
    pub fn write(&self, moments: &Moments) -> Result<()> {
        let metadata = HashMap::from([(KEY.to_string(), self.stamp(moments))]);
        let bytes = [&moments.mean, &moments.log_variance].map(|numbers| bytes_of(numbers));
        let view = |bytes| TensorView::new(Dtype::F32, self.shape.clone(), bytes);
        let tensors = [(MEAN, view(&bytes[0])?), (LOG_VARIANCE, view(&bytes[1])?)];
        files::write_with(&self.path, |draft| {
            safetensors::serialize_to_file(tensors, Some(metadata), draft)
                .with_context(|| format!("cannot write {}", self.path.display()))
        })
    }

    /// The key together with the numbers, so that a changed number is noticed.
    fn stamp(&self, moments: &Moments) -> String {
        let mut hash = Sha256::new();
        hash.update(&self.key);
        hash.update(bytes_of(&moments.mean));
        hash.update(bytes_of(&moments.log_variance));
        files::hex(&hash.finalize())
    }
}

fn bytes_of(numbers: &[f32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use burn::backend::Flex;
    use dcac_model::diffusion::VaeConfig;

    use super::*;
    use crate::data::TrainingImage;

    #[test]
    fn a_file_is_read_only_if_nothing_has_changed() -> Result<()> {
        let at = tempfile::tempdir()?;
        let path = at.path().join("a.png");
        fs::write(&path, "one")?;
        let set = TrainingSet {
            images: vec![TrainingImage {
                path: path.clone(),
                label: 0,
                camera: 0,
            }],
            identities: 1,
            people: Vec::new(),
            cameras: 1,
            sources: Vec::new(),
        };
        let device = Default::default();
        let vae = |seed| {
            <Flex as Backend>::seed(&device, seed);
            VaeEncoder::<Flex>::new(&VaeConfig::tiny(), &device)
        };
        let first = vae(1);
        let find =
            |vae: &VaeEncoder<Flex>, side| LatentFile::find(at.path(), &set, vae, side, [1, 1, 2]);
        let file = find(&first, 32)?;
        assert!(file.read().is_none());
        file.write(&Moments {
            mean: vec![1.0, 2.0],
            log_variance: vec![3.0, 4.0],
        })?;
        let found = find(&first, 32)?.read().context("the same moments")?;
        assert_eq!(
            (found.mean, found.log_variance),
            (vec![1.0, 2.0], vec![3.0, 4.0])
        );

        assert!(find(&vae(2), 32)?.read().is_none(), "other weights");
        assert!(find(&first, 64)?.read().is_none(), "another size");
        let bytes = fs::read(file.path())?;
        fs::write(file.path(), &bytes[..bytes.len() - 1])?;
        assert!(file.read().is_none(), "cut short");
        let mut changed = bytes.clone();
        *changed.last_mut().context("bytes")? ^= 1;
        fs::write(file.path(), changed)?;
        assert!(file.read().is_none(), "one bit is another");
        fs::write(file.path(), &bytes)?;
        assert!(file.read().is_some());
        fs::write(&path, "other")?;
        assert!(
            find(&first, 32)?.read().is_none(),
            "the picture was changed"
        );
        Ok(())
    }
}
