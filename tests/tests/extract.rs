//! Embeddings of a folder: every format, broken files, and going on after a stop.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use dcac_tests::trainer::{Trained, pictures, trainer, trainer_ok};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, RowAccessor};
use safetensors::SafeTensors;
use xtask::paths;

/// A model, and crops in a folder and its subfolder.
fn prepare() -> Trained {
    let at = Trained::make().expect("a small model");
    let crops = at.path("crops/inside");
    fs::create_dir_all(&crops).expect("folders");
    let query = pictures(&at.path("data/query"), 1, 4).expect("queries");
    for (index, path) in query.iter().enumerate() {
        let name = path.file_name().expect("a name");
        let folder = if index < 2 {
            at.path("crops")
        } else {
            crops.clone()
        };
        fs::copy(path, folder.join(name)).expect("a copied crop");
    }
    fs::copy(&query[0], at.path("crops/unnamed.jpg")).expect("a copied crop");
    at
}

fn extract(at: &Trained, options: &str) {
    let line = format!("extract --model f32 {options}");
    trainer_ok(&at.path(""), line.split(' ')).expect(&line);
}

/// Embeddings, names, identities, cameras.
type Found = (Vec<u8>, Vec<String>, Vec<Option<i32>>, Vec<Option<i32>>);

fn from_safetensors(path: &Path) -> Found {
    let bytes = fs::read(path).expect("the file");
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("a header");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let column = |name: &str, none: i32| {
        let view = tensors.tensor(name).expect(name);
        let (words, _) = view.data().as_chunks();
        (words.iter().map(|&word| i32::from_le_bytes(word)))
            .map(|value| (value != none).then_some(value))
            .collect()
    };
    let names = &header.metadata().as_ref().expect("metadata")["images"];
    (
        tensors
            .tensor("embeddings")
            .expect("embeddings")
            .data()
            .to_vec(),
        names.split('\n').map(String::from).collect(),
        column("identity", -1),
        column("camera", 0),
    )
}

fn from_npy(path: &Path) -> Found {
    let bytes = fs::read(path).expect("the file");
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!((10 + length) % 64, 0);
    let header = std::str::from_utf8(&bytes[10..10 + length]).expect("text");
    assert!(header.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (5, "));
    assert!(
        header.ends_with(" }\n") || header.ends_with("  \n"),
        "{header:?}"
    );
    let table = fs::read_to_string(path.with_extension("csv")).expect("the table");
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("path,identity,camera"));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let column = |place: usize| rows.iter().map(|row| row[place].parse().ok()).collect();
    (
        bytes[10 + length..].to_vec(),
        rows.iter().map(|row| row[0].to_string()).collect(),
        column(1),
        column(2),
    )
}

fn from_parquet(path: &Path) -> Found {
    let reader = SerializedFileReader::new(File::open(path).expect("the file")).expect("parquet");
    let mut found = Found::default();
    for row in reader.get_row_iter(None).expect("rows") {
        let row = row.expect("a row");
        found.1.push(row.get_string(0).expect("a path").clone());
        found.2.push(row.get_int(1).ok());
        found.3.push(row.get_int(2).ok());
        for value in row.get_list(3).expect("an embedding").elements() {
            let Field::Float(value) = value else {
                panic!("{value:?}")
            };
            found.0.extend(value.to_le_bytes());
        }
    }
    found
}

#[test]
fn every_format_holds_the_same() {
    let at = prepare();
    for kind in ["safetensors", "npy", "parquet"] {
        extract(&at, &format!("--images crops --out rows.{kind}"));
        assert!(!at.path(&format!("rows.{kind}.part")).exists());
    }
    let expected = from_safetensors(&at.path("rows.safetensors"));
    assert_eq!(expected.1.len(), 5);
    assert_eq!(expected.1[4], "unnamed.jpg");
    assert!(expected.1[2].starts_with("inside/"));
    assert_eq!((expected.2[4], expected.3[4]), (None, None));
    for row in 0..4 {
        let name = expected.1[row].trim_start_matches("inside/");
        let (identity, camera) = name.split_once("_c").expect("a name");
        assert_eq!(expected.2[row], identity.parse().ok());
        assert_eq!(expected.3[row], camera[..1].parse().ok());
    }
    assert_eq!(from_npy(&at.path("rows.npy")), expected);
    assert_eq!(from_parquet(&at.path("rows.parquet")), expected);
}

#[test]
fn broken_files_are_named_and_may_be_left_out() {
    let at = prepare();
    extract(&at, "--images crops --out whole.npy");
    fs::write(at.path("crops/inside/0000_broken.jpg"), "no picture").expect("a broken file");
    let strict = [
        "extract", "--model", "f32", "--images", "crops", "--out", "o.npy",
    ];
    let output = trainer(&at.path(""), strict).expect("a trainer");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("0000_broken.jpg"),
        "{said}"
    );
    assert!(!at.path("o.npy").exists() && !at.path("o.npy.part").exists());
    let lenient = strict.iter().chain(&["--skip-broken"]);
    let output = trainer(&at.path(""), lenient).expect("a trainer");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("left out: 1") && said.contains("0000_broken.jpg"),
        "{said}"
    );
    assert_eq!(from_npy(&at.path("o.npy")), from_npy(&at.path("whole.npy")));
}

/// Starts an extraction of a folder and waits until some of it has been kept.
fn begin(at: &Trained, out: &str) -> Child {
    let mut command = Command::new(paths::trainer());
    let line = format!("extract --model f32 --images many --out {out}");
    let child = command
        .current_dir(at.path(""))
        .args(line.split(' '))
        .stderr(Stdio::piped())
        .spawn()
        .expect("a trainer");
    let state = at.path(&format!("{out}.part/state.json"));
    let waited = Instant::now();
    while !state.is_file() {
        assert!(
            waited.elapsed() < Duration::from_secs(60),
            "nothing was kept"
        );
        sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn a_stopped_extraction_goes_on() {
    let at = prepare();
    let crops = pictures(&at.path("data/bounding_box_train"), 1, 20).expect("crops");
    fs::create_dir(at.path("many")).expect("a folder");
    // Enough that keeping what is done, once a second, comes before the end.
    for index in 0..6_000 {
        let name = at.path(&format!("many/{index:05}.jpg"));
        fs::hard_link(&crops[index % crops.len()], name).expect("a link");
    }
    extract(&at, "--images many --out whole.npy");
    let whole = fs::read(at.path("whole.npy")).expect("the array");

    let mut killed = begin(&at, "killed.npy");
    killed.kill().expect("a killed trainer");
    killed.wait().expect("its end");
    assert!(!at.path("killed.npy").exists());
    // What a kill leaves half-written counts for nothing.
    let numbers = at.path("killed.npy.part/embeddings.f32");
    let mut file = OpenOptions::new()
        .append(true)
        .open(&numbers)
        .expect("the numbers");
    file.write_all(&[7; 1001]).expect("half-written numbers");
    extract(&at, "--images many --out killed.npy");
    assert!(fs::read(at.path("killed.npy")).expect("the array") == whole);

    let stopped = begin(&at, "stopped.npy");
    let interrupt = Command::new("kill")
        .args(["-INT", &stopped.id().to_string()])
        .status();
    assert!(interrupt.expect("kill").success());
    let output = stopped.wait_with_output().expect("its end");
    assert_eq!(output.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&output.stderr).contains("goes on from there"));
    // Other images are other work.
    fs::hard_link(&crops[0], at.path("many/x.jpg")).expect("a link");
    let line = "extract --model f32 --images many --out stopped.npy";
    let refused = trainer(&at.path(""), line.split(' ')).expect("a trainer");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("stopped.npy.part"));
    fs::remove_file(at.path("many/x.jpg")).expect("the link");
    extract(&at, "--images many --out stopped.npy");
    assert!(fs::read(at.path("stopped.npy")).expect("the array") == whole);
}
