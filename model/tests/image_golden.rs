//! Image processing against Pillow and torchvision (`tests/golden/make_images.py`).

use dcac_model::image::{
    AugmentParams, Augmentation, Cast, Erase, ImageError, Pixels, Preprocess, Resampling, Window,
    decode, resize,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;

const GOLDEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/golden/images.safetensors"
);

fn golden(test: impl FnOnce(&SafeTensors)) {
    let bytes = std::fs::read(GOLDEN).expect(GOLDEN);
    test(&SafeTensors::deserialize(&bytes).expect(GOLDEN));
}

fn bytes<'a>(tensors: &SafeTensors<'a>, name: &str) -> &'a [u8] {
    tensors.tensor(name).expect(name).data()
}

fn integers(tensors: &SafeTensors, name: &str) -> Vec<i64> {
    let (chunks, _) = bytes(tensors, name).as_chunks();
    chunks.iter().map(|&c| i64::from_le_bytes(c)).collect()
}

fn floats(tensors: &SafeTensors, name: &str) -> Vec<f32> {
    let (chunks, _) = bytes(tensors, name).as_chunks();
    chunks.iter().map(|&c| f32::from_le_bytes(c)).collect()
}

fn pixels(tensors: &SafeTensors, name: &str) -> Pixels {
    let view = tensors.tensor(name).expect(name);
    Pixels::new(view.shape()[1], view.shape()[0], view.data().to_vec()).expect(name)
}

/// The numbers N for which `prefix.N.input` exists.
fn cases(tensors: &SafeTensors, prefix: &str) -> std::ops::Range<usize> {
    let exists = |n: &usize| tensors.tensor(&format!("{prefix}.{n}.input")).is_ok();
    0..(0..).take_while(exists).count()
}

fn fnv1a(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[test]
fn resize_equals_pillow_byte_for_byte() {
    golden(|tensors| {
        let cases = cases(tensors, "resize");
        assert!(cases.len() >= 18, "{cases:?}");
        for n in cases {
            let size = integers(tensors, &format!("resize.{n}.size"));
            let (width, height) = (size[0] as usize, size[1] as usize);
            let input = pixels(tensors, &format!("resize.{n}.input"));
            let result = resize(&input, width, height, Resampling::Bicubic);
            assert_eq!((result.width(), result.height()), (width, height));
            let rows = integers(tensors, &format!("resize.{n}.rows"));
            let expected = bytes(tensors, &format!("resize.{n}.output"));
            for (row, expected) in rows.iter().zip(expected.chunks_exact(3 * width)) {
                let start = 3 * width * *row as usize;
                let found = &result.data()[start..start + 3 * width];
                assert_eq!(found, expected, "case {n}, row {row}");
            }
            let hash = integers(tensors, &format!("resize.{n}.hash"))[0] as u64;
            assert_eq!(fnv1a(result.data()), hash, "case {n}");
            let result = resize(&input, width, height, Resampling::Bilinear);
            let hash = integers(tensors, &format!("resize.{n}.bilinear"))[0] as u64;
            assert_eq!(fnv1a(result.data()), hash, "case {n}, bilinear");
        }
    });
}

#[test]
fn decode_converts_to_rgb_as_pillow_does() {
    golden(|tensors| {
        let names = tensors.names().into_iter();
        let files: Vec<&str> = names.filter_map(|n| n.strip_suffix(".file")).collect();
        assert!(files.len() >= 12, "{files:?}");
        for name in files {
            let found = decode(bytes(tensors, &format!("{name}.file"))).expect(name);
            let expected = pixels(tensors, &format!("{name}.rgb"));
            assert_eq!(
                (found.width(), found.height()),
                (expected.width(), expected.height()),
                "{name}"
            );
            let pairs = found.data().iter().zip(expected.data());
            let worst = pairs.map(|(a, b)| a.abs_diff(*b)).max();
            // JPEG decoders round their transforms differently; of 16 bits, the
            // golden file keeps the high byte where a decoder may round.
            let allowed = match name {
                _ if name.contains("jpeg") || name.contains("lossy") => 3,
                _ if name.ends_with("16") => 1,
                _ => 0,
            };
            assert!(worst <= Some(allowed), "{name}: {worst:?}");
        }
    });
}

#[test]
fn decode_refuses_what_is_no_picture() {
    let refused = |bytes: &[u8]| match decode(bytes) {
        Err(ImageError::Decode(reason)) => reason,
        other => panic!("expected a decoding error, got {other:?}"),
    };
    refused(b"");
    refused(b"<html>not found</html>");
    let reason = refused(b"GIF89a\x01\x00\x01\x00\0\0\0");
    assert!(reason.contains("Gif"), "{reason}");
    golden(|tensors| {
        let png = bytes(tensors, "decode.png_rgb.file");
        for end in [8, 20, 40, png.len() / 2] {
            refused(&png[..end]);
        }
        let jpeg = bytes(tensors, "decode.jpeg_444.file");
        refused(&jpeg[..100]);
        // Without its end, a decoder fills the picture with grey.
        let reason = refused(&jpeg[..jpeg.len() * 9 / 10]);
        assert!(reason.contains("cut short"), "{reason}");
        assert!(decode(jpeg).is_ok());

        // A forged header: 30,000 x 30,000 pixels, with its checksum made right.
        let mut forged = png.to_vec();
        forged[16..20].copy_from_slice(&30_000_u32.to_be_bytes());
        forged[20..24].copy_from_slice(&30_000_u32.to_be_bytes());
        let checksum = crc32(&forged[12..29]);
        forged[29..33].copy_from_slice(&checksum.to_be_bytes());
        match decode(&forged) {
            Err(ImageError::Size { width, height, .. }) => {
                assert_eq!((width, height), (30_000, 30_000));
            }
            other => panic!("expected an error of size, got {other:?}"),
        }
    });
}

/// The checksum of PNG chunks.
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    })
}

#[test]
fn pixels_must_fit_their_size() {
    assert!(matches!(
        Pixels::new(0, 4, vec![]),
        Err(ImageError::Size { .. })
    ));
    assert!(matches!(
        Pixels::new(2, 2, vec![0; 11]),
        Err(ImageError::Length {
            expected: 12,
            found: 11,
        })
    ));
    assert!(Pixels::new(usize::MAX, 2, vec![0; 6]).is_err());
}

#[test]
fn augmentation_equals_torchvision_number_for_number() {
    golden(|tensors| {
        let array =
            |name: &str| <[f32; 3]>::try_from(floats(tensors, name)).expect("three channels");
        let (mean, std) = (array("augment.mean"), array("augment.std"));
        let cases = cases(tensors, "augment");
        assert!(cases.len() >= 10, "{cases:?}");
        for n in cases {
            let params: [i64; 10] = integers(tensors, &format!("augment.{n}.params"))
                .try_into()
                .expect("ten numbers");
            let [width, height, flip, pad, crop_top, crop_left, rect @ ..] = params;
            let [top, left, rows, columns] = rect.map(|v| v as usize);
            let params = AugmentParams {
                flip: flip == 1,
                pad: pad as usize,
                crop_top: crop_top as usize,
                crop_left: crop_left as usize,
                erase: (rows > 0).then_some(Erase {
                    top,
                    left,
                    height: rows,
                    width: columns,
                    value: 0.5,
                }),
                ..nothing()
            };
            let preprocess = Preprocess {
                height: height as usize,
                width: width as usize,
                resize: Resampling::Bicubic,
                mean,
                std,
            };
            let input = pixels(tensors, &format!("augment.{n}.input"));
            let expected = floats(tensors, &format!("augment.{n}.output"));
            let mut found = vec![f32::NAN; preprocess.len()];
            let part = integers(tensors, &format!("augment.{n}.window"));
            let share = |i: usize, all: usize| part[i] as f64 / all as f64;
            let factors = floats(tensors, &format!("augment.{n}.jitter"));
            let params = AugmentParams {
                window: Some(Window {
                    top: share(0, input.height()),
                    left: share(1, input.width()),
                    height: share(2, input.height()),
                    width: share(3, input.width()),
                }),
                jitter: Some(<[f32; 3]>::try_from(factors).expect("three factors")),
                cast: Some(Cast {
                    gamma: array(&format!("augment.{n}.gamma")),
                    matrix: [0, 1, 2].map(|row| array(&format!("augment.{n}.matrix.{row}"))),
                }),
                shear: Some(
                    <[f32; 2]>::try_from(floats(tensors, &format!("augment.{n}.shear")))
                        .expect("two shares"),
                ),
                ..params
            };
            params.apply(&preprocess, &input, &mut found);
            assert_eq!(found, expected, "case {n}");
            if n == 0 {
                // The first case changes nothing.
                found.fill(f32::NAN);
                preprocess.apply(&input, &mut found);
                assert_eq!(found, expected, "case {n}, inference");
            }
        }
    });
}

/// An augmentation that changes nothing.
fn nothing() -> AugmentParams {
    AugmentParams {
        flip: false,
        pad: 0,
        crop_top: 0,
        crop_left: 0,
        erase: None,
        window: None,
        jitter: None,
        cast: None,
        shear: None,
    }
}

#[test]
fn augmentation_draws_from_its_distribution() {
    let augmentation = Augmentation::default();
    let (width, height, draws) = (128, 256, 20_000);
    let view = Preprocess {
        height,
        width,
        resize: Resampling::Bicubic,
        mean: [0.5; 3],
        std: [0.5; 3],
    };
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let drawn: Vec<AugmentParams> = (0..draws)
        .map(|_| augmentation.sample(&view, &mut rng))
        .collect();
    let share = |count: usize| count as f64 / draws as f64;

    let flips = share(drawn.iter().filter(|p| p.flip).count());
    assert!((flips - 0.5).abs() < 0.02, "{flips}");
    for offset in [
        |p: &AugmentParams| p.crop_top,
        |p: &AugmentParams| p.crop_left,
    ] {
        let mut counts = [0_usize; 21];
        for params in &drawn {
            counts[offset(params)] += 1;
        }
        // 21 equally likely values, so 952 each with a standard deviation of 30.
        assert!(counts.iter().all(|c| (800..1100).contains(c)), "{counts:?}");
    }

    let erased: Vec<&Erase> = drawn.iter().filter_map(|p| p.erase.as_ref()).collect();
    assert!((share(erased.len()) - 0.5).abs() < 0.02);
    let area = (width * height) as f64;
    for erase in &erased {
        let (h, w) = (erase.height as f64, erase.width as f64);
        assert!(erase.height < height && erase.width < width);
        assert!(erase.top + erase.height <= height && erase.left + erase.width <= width);
        // Half a pixel of rounding on each side of the rectangle.
        assert!(
            (h + 0.5) * (w + 0.5) >= 0.02 * area && (h - 0.5) * (w - 0.5) <= 0.4 * area,
            "{erase:?}"
        );
        assert!(
            (h + 0.5) / (w - 0.5) >= 0.3 && (h - 0.5) / (w + 0.5) <= 1.0 / 0.3,
            "{erase:?}"
        );
        assert_eq!(erase.value, 0.5);
    }
    // Ratios are uniform, not log-uniform. Rejection removes wide rectangles of
    // large area alone, so look at small ones, where nothing is rejected.
    let small = erased
        .iter()
        .filter(|e| (e.height * e.width) as f64 <= 0.12 * area);
    let ratios: Vec<f64> = small.map(|e| e.height as f64 / e.width as f64).collect();
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    assert!((mean - (0.3 + 1.0 / 0.3) / 2.0).abs() < 0.06, "{mean}");

    let never = Augmentation {
        flip_p: 0.0,
        pad: 0,
        erase_p: 0.0,
        ..Augmentation::default()
    };
    assert_eq!(never.sample(&view, &mut rng), nothing());
    let part = Augmentation {
        keep: [0.8, 0.5],
        jitter: [0.3, 0.2, 0.0],
        cast: [0.2, 0.1],
        shear: [0.08, 0.04],
        ..never
    };
    let drawn: Vec<AugmentParams> = (0..2_000).map(|_| part.sample(&view, &mut rng)).collect();
    let windows = drawn.iter().filter_map(|p| p.window);
    let (mut least, mut count) = ([1.0_f64; 2], 0);
    for Window {
        top,
        left,
        height,
        width,
    } in windows
    {
        assert!(top >= 0.0 && left >= 0.0 && top + height <= 1.0 && left + width <= 1.0);
        least = [least[0].min(height), least[1].min(width)];
        count += 1;
    }
    assert!(count == 2_000 && (0.8..0.801).contains(&least[0]) && (0.5..0.502).contains(&least[1]));
    let factors: Vec<[f32; 3]> = drawn.iter().filter_map(|p| p.jitter).collect();
    for (channel, most) in [0.3_f32, 0.2, 0.0].into_iter().enumerate() {
        let far = factors.iter().map(|f| (f[channel] - 1.0).abs());
        let far = far.fold(0.0, f32::max);
        assert!(far <= most + 1e-6 && far >= 0.99 * most, "{channel}: {far}");
    }
    let deviation = |numbers: Vec<f32>| {
        let count = numbers.len() as f32;
        let mean = numbers.iter().sum::<f32>() / count;
        (numbers.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / count).sqrt()
    };
    let casts: Vec<&Cast> = drawn.iter().filter_map(|p| p.cast.as_ref()).collect();
    let gamma = |of: usize| casts.iter().map(move |cast| cast.gamma[of].ln());
    // A common part of 0.2 and an own one of 0.1, so that two channels differ by 0.1 times root 2.
    assert!((deviation(gamma(0).collect()) - 0.224).abs() < 0.015);
    let apart = gamma(0).zip(gamma(2)).map(|(red, blue)| red - blue);
    assert!((deviation(apart.collect()) - 0.141).abs() < 0.01);
    // Rows keep grey but for the channel's gain.
    let gain = |cast: &&Cast| cast.matrix[1].iter().sum::<f32>().ln();
    assert!((deviation(casts.iter().map(gain).collect()) - 0.05).abs() < 0.004);
    let off = deviation(casts.iter().map(|cast| cast.matrix[1][0]).collect());
    assert!((0.09..0.13).contains(&off), "{off}");
    let shears: Vec<[f32; 2]> = drawn.iter().filter_map(|p| p.shear).collect();
    for (axis, expected) in [0.08, 0.04].into_iter().enumerate() {
        let found = deviation(shears.iter().map(|shear| shear[axis]).collect());
        assert!((found / expected - 1.0).abs() < 0.06, "{axis}: {found}");
    }
    // A rectangle as large as the picture never fits inside it: every try fails.
    let whole = Augmentation {
        erase_p: 1.0,
        erase_area: [1.0, 1.0],
        ..Augmentation::default()
    };
    assert_eq!(whole.sample(&view, &mut rng).erase, None);
}
