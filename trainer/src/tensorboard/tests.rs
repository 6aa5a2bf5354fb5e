//! Event files read back.

use std::fs;

use prost::Message;

use super::event::{Event, Summary, What};
use super::record::{frame, masked};
use super::{EventWriter, PREFIX};

/// The events of a file, lengths and checksums verified.
fn events(bytes: &[u8]) -> Vec<Event> {
    let mut rest = bytes;
    let mut events = Vec::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<8>().expect("a length");
        let (check, after) = after.split_first_chunk::<4>().expect("its checksum");
        assert_eq!(u32::from_le_bytes(*check), masked(length));
        let (message, after) = after.split_at(u64::from_le_bytes(*length) as usize);
        let (check, after) = after.split_first_chunk::<4>().expect("a checksum");
        assert_eq!(u32::from_le_bytes(*check), masked(message));
        events.push(Event::decode(message).expect("an event"));
        rest = after;
    }
    events
}

fn files(folder: &std::path::Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    (paths.iter())
        .map(|path| fs::read(path).expect("a file"))
        .collect()
}

#[test]
fn checksums_are_those_of_rfc_3720_masked() {
    let mask = |crc: u32| crc.rotate_left(17).wrapping_add(0xa282_ead8);
    // The examples of RFC 3720, B.4.
    assert_eq!(masked(&[0; 32]), mask(0x8a91_36aa));
    assert_eq!(masked(&[0xff; 32]), mask(0x62a8_ab43));
    let rising: Vec<u8> = (0..32).collect();
    assert_eq!(masked(&rising), mask(0x46dd_794e));
}

#[test]
fn records_are_those_of_tensorboards_own_writer() {
    // What tensorboard.summary.writer.record_writer of TensorBoard 2.21 makes of them.
    let version = "1800000000000000a37f4b2209000000000000f03f\
                   1a0d627261696e2e4576656e743a3286bf577a";
    let scalar = "1b000000000000001a0d9e1309000000c00b5ad641\
                  10ac022a0d0a0b0a046c6f7373150000803e44e9d860";
    let record = |wall_time, step, what| {
        let event = Event {
            wall_time,
            step,
            what: Some(what),
        };
        let bytes = frame(&event.encode_to_vec());
        (bytes.iter())
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let first = What::FileVersion("brain.Event:2".to_string());
    assert_eq!(record(1.0, 0, first), version);
    let loss = What::Summary(Summary::scalars(&[("loss", 0.25)]));
    assert_eq!(record(1.5e9, 300, loss), scalar);
}

#[test]
fn a_resumed_run_adds_a_file_that_starts_at_its_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = EventWriter::create(folder.path(), 1).expect("a file");
    for step in 1..=3 {
        let values = [("loss/total", step as f32 / 4.0), ("rate", 1e-4)];
        first.scalars(step, 1e9, &values).expect("scalars");
    }
    first.text("configuration", "# seed", 0).expect("a text");
    // A name from a clock that was ahead must not come after the next file's.
    let ahead = format!("{PREFIX}{:020}.1", u64::MAX - 1);
    fs::write(folder.path().join(ahead), "").expect("a file");
    EventWriter::create(folder.path(), 3).expect("a second file");

    let files = files(folder.path());
    assert_eq!(files.len(), 3);
    let events = [events(&files[0]), events(&files[2])];
    for (events, first_step) in events.iter().zip([1, 3]) {
        let version = What::FileVersion("brain.Event:2".to_string());
        assert_eq!(events[0].what, Some(version));
        assert_eq!(events[1].step, first_step);
        assert!(matches!(&events[1].what, Some(What::SessionLog(log)) if log.status == 1));
    }
    let Some(What::Summary(summary)) = &events[0][3].what else {
        panic!("no summary in {:?}", events[0][3]);
    };
    assert_eq!((events[0][3].step, events[0][3].wall_time), (2, 1e9));
    assert_eq!(summary.value[0].tag, "loss/total");
    assert_eq!(summary.value[0].simple_value, Some(0.5));
    let Some(What::Summary(summary)) = &events[0][5].what else {
        panic!("no summary in {:?}", events[0][5]);
    };
    let text = summary.value[0].tensor.as_ref().expect("a tensor");
    assert_eq!(text.strings, [b"# seed".to_vec()]);
}
