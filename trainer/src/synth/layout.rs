//! Which pictures a run draws and what they are called: the Market-1501 layout.
//!
//! `PPPP_cCsS_FFFFFF_BB.jpg` is identity, camera, sequence, frame and box. Identity 0000 is a
//! distractor, -1 is junk; both lie in the gallery only.

use super::picture::{Boxing, Shot};
use super::stream::Streams;

/// Folder of training pictures.
pub const TRAIN: &str = "bounding_box_train";
/// Folder of queries.
pub const QUERY: &str = "query";
/// Folder of the gallery.
pub const GALLERY: &str = "bounding_box_test";

/// Consecutive pictures of one walk past a camera.
const SEQUENCE: u32 = 3;
/// Distractors and junk per gallery picture of a known person.
const DISTRACTORS: f32 = 0.05;
const JUNK: f32 = 0.02;
/// Identity numbers from here on belong to strangers; smaller ones are in the data.
const STRANGERS: u64 = 1 << 33;

/// One picture to draw.
#[derive(Clone)]
pub struct Planned {
    /// One of the three folders.
    pub folder: &'static str,
    /// File name.
    pub name: String,
    /// What to draw.
    pub shot: Shot,
}

/// Lists every picture of a run. The first half of the `ids` identities is for training.
pub fn plan(streams: &Streams, ids: usize, images_per_id: usize, cameras: usize) -> Vec<Planned> {
    let mut pictures = Vec::with_capacity(ids * images_per_id + ids);
    let train_ids = ids / 2;
    for number in 1..=ids as u64 {
        person(
            &mut pictures,
            streams,
            number,
            number as usize <= train_ids,
            images_per_id,
            cameras,
        );
    }
    let gallery = pictures.iter().filter(|p| p.folder == GALLERY).count() as f32;
    for (label, share) in [("0000", DISTRACTORS), ("-1", JUNK)] {
        for index in 0..(gallery * share).ceil() as u32 {
            pictures.push(nuisance(streams, label, index, train_ids, ids, cameras));
        }
    }
    pictures
}

/// The pictures of one identity, spread over the cameras that saw it.
fn person(
    pictures: &mut Vec<Planned>,
    streams: &Streams,
    number: u64,
    train: bool,
    images: usize,
    cameras: usize,
) {
    let mut stream = streams.stream("route", number, 0, 0);
    // Two pictures a camera leave one for the gallery after the query is taken.
    let most = (images / 2).clamp(2, cameras);
    let fewest = most.div_ceil(2).max(2);
    let seen = fewest + stream.below(most - fewest + 1);
    let mut route: Vec<u32> = (0..cameras as u32).collect();
    stream.shuffle(&mut route);
    for (place, &camera) in route[..seen].iter().enumerate() {
        let count = images / seen + usize::from(place < images % seen);
        let mut time = stream.below(60_000);
        for frame in 0..count as u32 {
            time += 5 + stream.below(40);
            // A camera's only picture stays in the gallery, so that every query has a match
            // in another camera; the first camera always asks.
            let asks = frame == 0 && (count > 1 || place == 0);
            let (folder, boxed) = match (train, asks) {
                (true, _) => (TRAIN, 1),
                (false, true) => (QUERY, 0),
                (false, false) => (GALLERY, 1),
            };
            let sequence = frame / SEQUENCE;
            pictures.push(Planned {
                folder,
                name: file_name(&format!("{number:04}"), camera, sequence, time, boxed),
                shot: Shot {
                    identity: number,
                    camera,
                    sequence,
                    frame,
                    boxing: Boxing::Usual,
                    shared: None,
                },
            });
        }
    }
}

/// A distractor (strangers and false alarms) or junk (bad boxes of test identities).
fn nuisance(
    streams: &Streams,
    label: &str,
    index: u32,
    train_ids: usize,
    ids: usize,
    cameras: usize,
) -> Planned {
    let mut stream = streams.stream(label, 0, 0, index);
    let camera = stream.below(cameras) as u32;
    let test = (train_ids + 1 + stream.below(ids - train_ids)) as u64;
    let (identity, boxing) = if label == "-1" {
        (test, Boxing::Bad)
    } else if stream.chance(0.5) {
        (STRANGERS + u64::from(index), Boxing::Usual)
    } else {
        (STRANGERS + u64::from(index), Boxing::Nobody)
    };
    Planned {
        folder: GALLERY,
        name: file_name(label, camera, 0, index as usize, 1),
        // Frames past any of the identity's own, so the picture is a new one.
        shot: Shot {
            identity,
            camera,
            sequence: 1 << 16,
            frame: (1 << 16) + index,
            boxing,
            shared: None,
        },
    }
}

fn file_name(label: &str, camera: u32, sequence: u32, frame: usize, boxed: u32) -> String {
    format!(
        "{label}_c{}s{}_{frame:06}_{boxed:02}.jpg",
        camera + 1,
        sequence + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// (identity, camera) of a file name.
    fn label(picture: &Planned) -> (String, String) {
        let mut parts = picture.name.split('_');
        let identity = parts.next().unwrap().to_string();
        (identity, parts.next().unwrap()[..2].to_string())
    }

    #[test]
    fn every_identity_has_all_its_pictures_in_two_cameras_or_more() {
        for (ids, images, cameras) in [(2, 2, 2), (5, 3, 4), (40, 16, 6), (9, 7, 9)] {
            let pictures = plan(&Streams::new(3, "any"), ids, images, cameras);
            let mut seen: BTreeMap<String, (usize, BTreeSet<String>)> = BTreeMap::new();
            for picture in &pictures {
                let (identity, camera) = label(picture);
                let entry = seen.entry(identity).or_default();
                entry.0 += 1;
                entry.1.insert(camera);
            }
            for number in 1..=ids {
                let (count, spread) = &seen[&format!("{number:04}")];
                assert_eq!(*count, images);
                assert!(spread.len() >= 2 && spread.len() <= cameras);
            }
            let names: BTreeSet<_> = pictures.iter().map(|p| (p.folder, &p.name)).collect();
            assert_eq!(names.len(), pictures.len());
        }
    }

    #[test]
    fn every_query_has_a_match_in_another_camera_and_train_is_disjoint() {
        for (ids, images) in [(2, 2), (10, 3), (20, 12)] {
            let pictures = plan(&Streams::new(7, "any"), ids, images, 5);
            let of = |folder| {
                pictures
                    .iter()
                    .filter(move |p| p.folder == folder)
                    .map(label)
            };
            let gallery: BTreeSet<_> = of(GALLERY).collect();
            let train: BTreeSet<_> = of(TRAIN).map(|l| l.0).collect();
            assert_eq!(train.len(), ids / 2);
            assert!(of(QUERY).count() >= ids - ids / 2);
            for (identity, camera) in of(QUERY) {
                assert!(!train.contains(&identity));
                assert!(gallery.iter().any(|g| g.0 == identity && g.1 != camera));
            }
            assert!(gallery.iter().all(|g| !train.contains(&g.0)));
            assert!(gallery.iter().any(|g| g.0 == "0000") && gallery.iter().any(|g| g.0 == "-1"));
        }
    }
}
