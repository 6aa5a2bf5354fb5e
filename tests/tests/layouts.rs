//! Every layout of `--data`: what is found in small folders of it.

use std::fs;

use dcac_tests::data_sets::DataPlace;
use dcac_tests::trainer::trainer;

fn rows(rows: &[(&str, u64, u64, u64)]) -> Vec<(String, u64, u64, u64)> {
    let row = |&(split, images, identities, cameras): &(&str, u64, u64, u64)| {
        (split.to_string(), images, identities, cameras)
    };
    rows.iter().map(row).collect()
}

/// What [`DataPlace::three_folders`] holds.
const THREE: [(&str, u64, u64, u64); 3] = [
    ("train", 16, 4, 2),
    ("query", 6, 3, 2),
    ("gallery", 6, 3, 2),
];

#[test]
fn layouts_of_three_folders() {
    let mut at = DataPlace::new();
    at.market("market");
    // Junk is dropped, a distractor stays.
    at.pictures([
        "market/bounding_box_test/-1_c1s1_000009_00.png",
        "market/bounding_box_test/0000_c3s1_000009_00.png",
    ]);
    let mut expected = rows(&THREE);
    expected[2] = ("gallery".to_string(), 7, 4, 3);
    assert_eq!(at.counts("market1501=market"), expected);

    at.three_folders("duke", |i, c, n| format!("{i:04}_c{c}_f{n:07}.png"));
    assert_eq!(at.counts("dukemtmc=duke"), rows(&THREE));
    at.three_folders("msmt", |i, c, n| format!("{i:04}_c{c:02}_{n:04}.png"));
    assert_eq!(at.counts("msmt17=msmt"), rows(&THREE));

    for part in ["detected", "labeled"] {
        let name = |i, c, n| format!("{i:04}_c{c}_{n}.png");
        at.three_folders(&format!("cuhk/{part}"), name);
    }
    at.picture("cuhk/labeled/bounding_box_train/0001_c1_9.png");
    assert_eq!(at.counts("cuhk03np=cuhk"), rows(&THREE));
    let mut labeled = rows(&THREE);
    labeled[0].1 += 1;
    assert_eq!(at.counts("cuhk03np:labeled=cuhk"), labeled);
    assert_eq!(at.counts("cuhk03np:labeled=cuhk/labeled"), labeled);
}

#[test]
fn msmt17_as_it_was_released() {
    let mut at = DataPlace::new();
    let mut lists = [const { String::new() }; 4];
    // Training and test people are both numbered from 0.
    for identity in 0..3 {
        for camera in [1, 15] {
            for (list, part) in ["train", "train", "test", "test"].iter().enumerate() {
                let name = format!(
                    "{identity:04}/{identity:04}_{list:03}_{camera:02}_0303morning_0008_0.png"
                );
                at.picture(&format!("msmt/{part}/{name}"));
                lists[list] += &format!("{name} {identity}\n");
            }
        }
    }
    for (name, list) in ["train", "val", "query", "gallery"].iter().zip(&lists) {
        fs::write(at.path(&format!("msmt/list_{name}.txt")), list).expect("a list");
    }
    let expected = [
        ("train", 12, 3, 2),
        ("query", 6, 3, 2),
        ("gallery", 6, 3, 2),
    ];
    assert_eq!(at.counts("msmt17=msmt"), rows(&expected));
    // The second version's folders.
    for part in ["train", "test"] {
        let renamed = at.path(&format!("msmt/mask_{part}_v2"));
        fs::rename(at.path(&format!("msmt/{part}")), renamed).expect("another name");
    }
    assert_eq!(at.counts("msmt17=msmt"), rows(&expected));
    let broken = format!("{}0000.png zero\n", lists[0]);
    fs::write(at.path("msmt/list_train.txt"), broken).expect("a list");
    at.fatal("msmt17=msmt", &["list_train.txt, line 7", "0000.png zero"]);
}

#[test]
fn training_sets_of_the_classical_protocol() {
    let mut at = DataPlace::new();
    for pair in 1..=5 {
        for camera in [1, 2] {
            // The same numbers in two pairs are two people.
            at.pictures([1, 2].map(|i| format!("02/Dataset/P{pair}/cam{camera}/00{i}_1.png")));
        }
    }
    assert_eq!(at.counts("cuhk02=02"), rows(&[("train", 20, 10, 10)]));
    at.pictures(
        [1, 1, 2]
            .iter()
            .zip(1..)
            .map(|(i, scene)| format!("sysu/cropped_images/p{i}_s{scene}_1.jpg")),
    );
    assert_eq!(at.counts("cuhksysu=sysu"), rows(&[("train", 3, 2, 1)]));
    at.market("market");
    let target = ["--data", "market1501=market", "--target", "cuhksysu=sysu"];
    at.refused(&target, &["cuhksysu=sysu", "no test images"]);
}

#[test]
fn test_sets_of_the_classical_protocol() {
    let mut at = DataPlace::new();
    // 6 people in both views, one more in the first alone and two more in the second.
    let people = (1..=6).chain([201]);
    at.pictures(people.map(|i| format!("prid/single_shot/cam_a/person_{i:04}.png")));
    let people = (1..=6).chain([201, 202]);
    at.pictures(people.map(|i| format!("prid/single_shot/cam_b/person_{i:04}.png")));
    let expected = [("train", 6, 3, 2), ("query", 3, 3, 1), ("gallery", 5, 5, 1)];
    assert_eq!(at.counts("prid=prid"), rows(&expected));

    at.pictures((1..=6).map(|i| format!("grid/probe/{i:04}_1_25004_107_32_106_221.jpeg")));
    let gallery = (0..=6).map(|i| format!("grid/gallery/{i:04}_2_25023_116_134_128_330.jpeg"));
    at.pictures(gallery);
    let expected = [("train", 6, 3, 2), ("query", 3, 3, 1), ("gallery", 4, 4, 1)];
    assert_eq!(at.counts("grid=grid"), rows(&expected));

    at.pictures((0..6).map(|i| format!("viper/VIPeR/cam_a/{i:03}_45.bmp")));
    at.pictures((0..6).map(|i| format!("viper/VIPeR/cam_b/{i:03}_90.bmp")));
    let expected = [("train", 6, 3, 2), ("query", 3, 3, 1), ("gallery", 3, 3, 1)];
    assert_eq!(at.counts("viper=viper"), rows(&expected));

    let images = (1..=6).flat_map(|i| [1, 2, 3].map(|n| (i, n)));
    at.pictures(images.map(|(i, n)| format!("ilids/Persons/{i:04}{n:03}.jpg")));
    let expected = [("train", 9, 3, 1), ("query", 3, 3, 1), ("gallery", 3, 3, 1)];
    assert_eq!(at.counts("ilids=ilids"), rows(&expected));

    assert_eq!(at.counts("prid:10=prid").len(), 3);
    for wrong in ["viper:0=viper", "viper:11=viper", "prid:x=prid"] {
        let output = trainer(&at.path(""), ["doctor", "--data", wrong]).expect("a trainer");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("divisions 1 to 10"), "{wrong}: {said}");
    }
    // What one division trains on another tests with.
    let mixed = [
        "--data",
        "viper:1=viper",
        "--target",
        "viper:2=viper",
        "--set",
    ];
    let mixed = [&mixed[..], &["sampler.identities=2"]].concat();
    at.refused(&mixed, &["viper:2=viper", "viper=viper", "training images"]);
}

#[test]
fn tables() {
    let mut at = DataPlace::new();
    let header = "camera,split,identity,path,weather";
    let mut table = header.to_string();
    for (split, identities) in [("train", 1..=4), ("query", 5..=6), ("gallery", 5..=6)] {
        for identity in identities {
            for camera in [0, 7] {
                let name = format!("crops/{split}-{identity}-{camera}.png");
                at.picture(&format!("sets/{name}"));
                table += &format!("\n{camera},{split},{identity},{name},fair");
            }
        }
    }
    table += "\n1,gallery,-1,crops/train-1-0.png,junk";
    let write = |text: &str| fs::write(at.path("sets/mine.csv"), text).expect("a table");
    write(&table);
    let expected = [("train", 8, 4, 2), ("query", 4, 2, 2), ("gallery", 4, 2, 2)];
    assert_eq!(at.counts("csv=sets/mine.csv"), rows(&expected));
    // A table may be for training alone.
    let training: Vec<&str> = table.lines().take(9).collect();
    write(&training.join("\n"));
    assert_eq!(at.counts("csv=sets/mine.csv"), rows(&expected[..1]));

    for (line, expected) in [
        (
            "1,test,1,crops/train-1-0.png,x",
            "`test`; expected train, query or gallery",
        ),
        ("1,train,one,crops/train-1-0.png,x", "`one`"),
        ("1,train,-2,crops/train-1-0.png,x", "`-2`"),
        ("left,train,1,crops/train-1-0.png,x", "`left`"),
        ("1,train,1,crops/gone.png,x", "gone.png"),
        ("1,train,1", "line: 18"),
    ] {
        let lines: Vec<&str> = table.lines().take(17).chain([line]).collect();
        write(&lines.join("\n"));
        let place = if expected == "line: 18" {
            expected
        } else {
            "mine.csv, line 18"
        };
        at.fatal("csv=sets/mine.csv", &["mine.csv", place, expected]);
    }
    write(&table.replace("identity", "person"));
    let columns = ["mine.csv, line 1", "identity", "camera,split,person,path"];
    at.fatal("csv=sets/mine.csv", &columns);
    at.fatal(
        "csv=sets/gone.csv",
        &["sets/gone.csv", "path, identity, camera, split"],
    );
}
