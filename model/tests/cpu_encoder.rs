//! The CPU encoder beside `ReidEncoder` on burn-flex.
#![cfg(feature = "tensors")]

use burn::backend::Flex;
use burn::module::Module;
use burn::prelude::*;
use burn::tensor::Distribution;
use dcac_model::clip::VitConfig;
use dcac_model::cpu::{Encoder, Kernel};
use dcac_model::reid::{EncoderConfig, ReidEncoder};
use dcac_model::weights::{Precision, WeightsError};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// No size is a whole number of what the kernel computes at once, but for the width.
fn odd() -> VitConfig {
    VitConfig {
        height: 40,
        width: 24,
        patch: 8,
        stem: Vec::new(),
        residual: false,
        bands: 0,
        dim: 40,
        depth: 2,
        heads: 5,
        mlp_ratio: 3,
        embedding: 24,
    }
}

/// Nothing is, and a head is narrower than a panel and no divisor of it.
fn odder() -> VitConfig {
    VitConfig {
        height: 21,
        width: 15,
        patch: 3,
        stem: Vec::new(),
        residual: false,
        bands: 0,
        dim: 35,
        depth: 3,
        heads: 7,
        mlp_ratio: 1,
        embedding: 13,
    }
}

/// Wider than the parts in which products are computed.
fn deep() -> VitConfig {
    VitConfig {
        height: 32,
        width: 16,
        patch: 16,
        stem: Vec::new(),
        residual: false,
        bands: 0,
        dim: 396,
        depth: 1,
        heads: 4,
        mlp_ratio: 2,
        embedding: 10,
    }
}

/// Convolutions before the patches, of which none fills a panel: the last leaves 5 x 3 patches.
fn with_stem() -> VitConfig {
    VitConfig {
        stem: vec![5, 6, 24],
        ..odd()
    }
}

/// And residuals, read in 5 bands of a row each.
fn with_bands() -> VitConfig {
    VitConfig {
        residual: true,
        bands: 5,
        ..with_stem()
    }
}

/// Moves what random weights leave at 0 and 1: norms, biases and statistics.
struct Shake;

impl burn::module::ModuleMapper<Flex> for Shake {
    fn map_float<const D: usize>(
        &mut self,
        param: burn::module::Param<Tensor<Flex, D>>,
    ) -> burn::module::Param<Tensor<Flex, D>> {
        param.map(|values| match D {
            1 => values.clone() + values.random_like(Distribution::Uniform(-0.2, 0.2)),
            _ => values,
        })
    }
}

fn random(vit: &VitConfig, precision: Precision) -> (EncoderConfig, Vec<u8>) {
    let config = EncoderConfig::new(vit.clone());
    let device = Default::default();
    let encoder = ReidEncoder::<Flex>::new(&config, &device).map(&mut Shake);
    let bytes = encoder.save(precision).unwrap();
    (config, bytes)
}

fn images(config: &EncoderConfig, count: usize) -> Vec<f32> {
    let length = count * config.preprocess.len();
    (0..length)
        .map(|i| ((i * i % 977) as f32 / 488.5 - 1.0) * ((i / 31 % 7) as f32 / 6.0))
        .collect()
}

/// Largest difference over the largest number.
fn relative(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    assert!(largest > 0.0);
    let pairs = found.iter().zip(expected);
    pairs.fold(0.0f32, |m, (a, b)| m.max((a - b).abs())) / largest
}

fn compare(vit: VitConfig, precision: Precision, count: usize) {
    let (config, bytes) = random(&vit, precision);
    let pixels = images(&config, count);
    let device = Default::default();
    let theirs = ReidEncoder::<Flex>::load(&config, &bytes, &device).unwrap();
    let shape = [count, 3, vit.height, vit.width];
    let tensor = Tensor::from_data(TensorData::new(pixels.clone(), shape), &device);
    let expected = theirs.features(tensor);
    let embedding: Vec<f32> = expected.embedding.into_data().to_vec().unwrap();
    let patches: Vec<f32> = expected.patches.into_data().to_vec().unwrap();

    for kernel in [Kernel::PORTABLE, Kernel::native()] {
        let mut ours = Encoder::load(&config, &bytes, kernel).unwrap();
        let found = ours.features(&pixels);
        let of_class = ours.embed(&pixels);
        for (what, found, expected) in [
            ("embedding", &found.embedding, &embedding),
            ("embedding alone", &of_class, &embedding),
            ("patches", &found.patches, &patches),
        ] {
            let error = relative(found, expected);
            println!("{vit:?} {precision:?} {what}: relative error {error:.1e}");
            assert!(error < 1e-5, "{what}: {error:.1e}");
        }
        let necks = found.neck.chunks(vit.embedding);
        for (neck, embedding) in necks.zip(embedding.chunks(vit.embedding)) {
            let norm = neck.iter().map(|x| x * x).sum::<f32>().sqrt();
            let scaled: Vec<f32> = embedding.iter().map(|x| x * norm).collect();
            assert!(relative(neck, &scaled) < 1e-5);
        }
        // The second call finds nothing of the first, and another thread's encoder the same; an
        // image's embedding does not depend on those that it is computed with.
        assert_eq!(ours.embed(&pixels), of_class);
        assert_eq!(ours.embed(&[]), [0.0; 0]);
        let mut twin = ours.twin().unwrap();
        let one_by_one = pixels.chunks(config.preprocess.len());
        let alone: Vec<f32> = one_by_one.flat_map(|image| twin.embed(image)).collect();
        assert_eq!(alone, of_class);
    }
    // Images are told apart.
    assert!(
        count < 2
            || relative(
                &embedding[..vit.embedding],
                &embedding[vit.embedding..][..vit.embedding]
            ) > 1e-3
    );
}

#[test]
fn the_tiny_encoder() {
    // More images than are computed together.
    compare(VitConfig::tiny(), Precision::F32, 19);
    compare(VitConfig::tiny(), Precision::F16, 2);
}

#[test]
fn sizes_that_fill_no_panel() {
    for precision in [Precision::F32, Precision::F16] {
        compare(odd(), precision, 1);
        compare(odder(), precision, 3);
        compare(deep(), precision, 2);
        compare(with_stem(), precision, 3);
        compare(with_bands(), precision, 3);
    }
}

#[test]
fn a_picture_and_its_mirror_image_together() {
    for vit in [odd(), with_bands(), VitConfig::tiny()] {
        let (mut config, bytes) = random(&vit, Precision::F32);
        let count = 2 * (300 / vit.tokens()).max(1);
        let pixels = images(&config, count);
        let rows = pixels.chunks(vit.width);
        let mirrored: Vec<f32> = rows.flat_map(|row| row.iter().rev()).copied().collect();
        let mut plain = Encoder::load(&config, &bytes, Kernel::PORTABLE).unwrap();
        let (one, other) = (plain.features(&pixels), plain.features(&mirrored));
        assert!(relative(&one.neck, &other.neck) > 1e-3);
        let both = one.neck.iter().zip(&other.neck);
        let both: Vec<f32> = both.map(|(a, b)| (a + b) / 2.0).collect();

        config.flip = true;
        let mut ours = Encoder::load(&config, &bytes, Kernel::PORTABLE).unwrap();
        let found = ours.features(&pixels);
        assert!(relative(&found.neck, &both) < 1e-5);
        assert!(relative(&ours.embed(&mirrored), &found.embedding) < 1e-5);
        assert_eq!(ours.embed(&pixels), found.embedding);
        assert_eq!(found.patches, one.patches);

        let device = Default::default();
        let theirs = ReidEncoder::<Flex>::load(&config, &bytes, &device).unwrap();
        let shape = [count, 3, vit.height, vit.width];
        let tensor = Tensor::from_data(TensorData::new(pixels, shape), &device);
        let expected: Vec<f32> = theirs.embed(tensor).into_data().to_vec().unwrap();
        assert!(relative(&found.embedding, &expected) < 1e-5);
    }
}

#[test]
fn half_precision_weights_take_half_the_memory() {
    let [half, single] = [Precision::F16, Precision::F32].map(|precision| {
        let (config, bytes) = random(&VitConfig::tiny(), precision);
        let encoder = Encoder::load(&config, &bytes, Kernel::PORTABLE).unwrap();
        assert!(encoder.bytes() < bytes.len() + bytes.len() / 20);
        encoder.bytes()
    });
    assert!(
        half < single * 11 / 20,
        "{half} bytes, {single} in single precision"
    );
}

/// A file with some of its tensors changed.
fn changed(
    bytes: &[u8],
    change: impl Fn(&str, Dtype, Vec<usize>, Vec<u8>) -> Option<(Dtype, Vec<usize>, Vec<u8>)>,
) -> Vec<u8> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let tensors: Vec<_> = (file.tensors().into_iter())
        .filter_map(|(name, view)| {
            let (dtype, shape) = (view.dtype(), view.shape().to_vec());
            let new = change(&name, dtype, shape, view.data().to_vec())?;
            Some((name, new))
        })
        .collect();
    let views = tensors.iter().map(|(name, (dtype, shape, data))| {
        (name, TensorView::new(*dtype, shape.clone(), data).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

fn refused(config: &EncoderConfig, bytes: &[u8]) -> WeightsError {
    match Encoder::load(config, bytes, Kernel::PORTABLE) {
        Ok(_) => panic!("it was loaded"),
        Err(error) => error,
    }
}

#[test]
fn bfloat16_weights() {
    let (config, bytes) = random(&odd(), Precision::F32);
    let cut = |keep: usize| {
        changed(&bytes, |_, _, shape, data| {
            let upper = data.chunks(4).flat_map(|x| {
                let zeros = [0; 2].into_iter().filter(|_| keep == 4);
                zeros.chain(x[2..].iter().copied())
            });
            let dtype = if keep == 4 { Dtype::F32 } else { Dtype::BF16 };
            Some((dtype, shape, upper.collect()))
        })
    };
    let pixels = images(&config, 1);
    let [short, long] = [2, 4].map(|keep| {
        let mut encoder = Encoder::load(&config, &cut(keep), Kernel::PORTABLE).unwrap();
        encoder.embed(&pixels)
    });
    assert_eq!(short, long);
}

#[test]
fn files_that_do_not_fit_are_refused_by_name() {
    let (config, bytes) = random(&odd(), Precision::F16);
    let error = refused(&config, &bytes[..bytes.len() - 1]).to_string();
    assert!(error.contains("not a readable safetensors file"), "{error}");

    let missing = changed(&bytes, |name, dtype, shape, data| {
        (name != "blocks.1.mlp.fc2.weight").then_some((dtype, shape, data))
    });
    let error = refused(&config, &missing).to_string();
    assert!(
        error.ends_with("missing: blocks.1.mlp.fc2.weight"),
        "{error}"
    );

    let shallow = EncoderConfig::new(VitConfig { depth: 1, ..odd() });
    let error = refused(&shallow, &bytes).to_string();
    assert!(
        error.contains("left over: blocks.1.attn.proj.bias"),
        "{error}"
    );
    assert!(
        !error.contains("missing") && !error.contains("wrong"),
        "{error}"
    );

    let wide = EncoderConfig::new(VitConfig {
        embedding: 25,
        ..odd()
    });
    let error = refused(&wide, &bytes).to_string();
    assert!(
        error.contains("head.weight (expected F32, F16 or BF16 [25, 40], found F16 [24, 40])"),
        "{error}"
    );

    let whole = changed(&bytes, |name, dtype, shape, data| match name {
        "norm.bias" => Some((Dtype::I16, shape, data)),
        _ => Some((dtype, shape, data)),
    });
    let error = refused(&config, &whole).to_string();
    assert!(
        error.contains("norm.bias (expected") && error.contains("found I16 [40]"),
        "{error}"
    );

    let vit = VitConfig { heads: 3, ..odd() };
    let error = refused(&EncoderConfig::new(vit), &bytes);
    assert!(matches!(error, WeightsError::Config(_)), "{error}");
}

#[test]
fn weights_that_are_not_finite_are_refused_by_name() {
    for (precision, infinite) in [
        (Precision::F16, &0x7c00u16.to_le_bytes()[..]),
        (Precision::F32, &f32::NAN.to_le_bytes()[..]),
    ] {
        let (config, bytes) = random(&odd(), precision);
        let broken = changed(&bytes, |name, dtype, shape, mut data| {
            if name == "blocks.0.norm1.bias" {
                data[..infinite.len()].copy_from_slice(infinite);
            }
            Some((dtype, shape, data))
        });
        match refused(&config, &broken) {
            WeightsError::NotFinite(names) => assert_eq!(names, ["blocks.0.norm1.bias"]),
            error => panic!("{error}"),
        }
    }
}

/// Scores of 2^24 tokens among each other need more than processors can address.
#[test]
fn memory_that_no_device_has_is_an_error() {
    let (config, bytes) = random(
        &VitConfig {
            height: 4096,
            width: 4096,
            patch: 1,
            stem: Vec::new(),
            residual: false,
            bands: 0,
            dim: 1,
            depth: 1,
            heads: 1,
            mlp_ratio: 1,
            embedding: 1,
        },
        Precision::F16,
    );
    match refused(&config, &bytes) {
        WeightsError::Memory { bytes } => assert!(bytes >= 1 << 50, "{bytes}"),
        error => panic!("{error}"),
    }
}
