//! What file names of the known data sets say about a crop.

use super::{JUNK, Label};

/// Identity and camera in a file name, by the patterns of
/// - Market-1501, `0002_c1s1_000451_03.jpg`, DukeMTMC-reID, `0001_c2_f0046182.jpg`, MSMT17 in
///   three folders, `0000_c14_0030.jpg`, and CUHK03-NP, `0003_c1_22.png`;
/// - MSMT17 as it was published, `0000_000_01_0303morning_0015_0.jpg`;
/// - CUHK03 as torchreid unpacks it, `1_001_2_05.png`: pair of cameras, identity among those
///   that it saw, camera, number.
///
/// None where a name follows no pattern.
pub fn label_of(name: &str) -> Option<Label> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let fields: Vec<&str> = stem.split('_').collect();
    match fields[..] {
        [identity, camera, _, ..] if camera.starts_with('c') => {
            let camera = &camera[1..];
            let end = camera.find(|c: char| !c.is_ascii_digit());
            let (number, rest) = camera.split_at(end.unwrap_or(camera.len()));
            // Market-1501 names the sequence too.
            let known = rest.is_empty() || rest.starts_with('s');
            label(identity, number).filter(|_| known)
        }
        [identity, index, camera, time, _, ..] if number(index).is_some() => {
            let named = time.chars().any(|c| c.is_ascii_alphabetic());
            label(identity, camera).filter(|_| named)
        }
        [pair, identity, camera, index] => {
            number(index)?;
            let pair = i32::try_from(number(pair)?).ok()?;
            let label = label(identity, camera)?;
            (1..=5).contains(&pair).then(|| Label {
                identity: pair * 10_000 + label.identity,
                camera: (pair as u32 - 1) * 2 + label.camera,
            })
        }
        _ => None,
    }
}

/// The camera that the name at the end of a path tells.
pub fn camera_of(path: &str) -> Option<u32> {
    let name = path.rsplit(['/', '\\']).next()?;
    Some(label_of(name)?.camera)
}

fn label(identity: &str, camera: &str) -> Option<Label> {
    let identity = match identity {
        "-1" => JUNK,
        digits => i32::try_from(number(digits)?).ok()?,
    };
    Some(Label {
        identity,
        camera: number(camera)?,
    })
}

/// Digits and nothing else.
fn number(digits: &str) -> Option<u32> {
    let only = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| only)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_set_and_of_none() {
        let of = |name| label_of(name).map(|label| (label.identity, label.camera));
        for (name, expected) in [
            ("0002_c1s1_000451_03.jpg", (2, 1)),
            ("-1_c6s3_000001_00.jpg", (JUNK, 6)),
            ("0001_c2_f0046182.jpg", (1, 2)),
            ("0000_c14_0030.jpg", (0, 14)),
            ("0003_c1_22.png", (3, 1)),
            ("0000_000_01_0303morning_0015_0.jpg", (0, 1)),
            ("1_001_2_05.png", (10_001, 2)),
            ("5_012_1_10.png", (50_012, 9)),
        ] {
            assert_eq!(of(name), Some(expected), "{name}");
            assert_eq!(camera_of(&format!("a/b_c7/{name}")), Some(expected.1));
        }
        for name in [
            "thumb.jpg",
            "x_c1s1_0_0.jpg",
            "-7_c1s1_0_0.jpg",
            "0002_c1.jpg",
            "0002_cs1_0.jpg",
            "0002_c1x_0.jpg",
            "IMG_2024_01_02_0003_1.jpg",
            "2024_01_02_03.jpg",
            "99999999999_c1_1.jpg",
            "",
        ] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
