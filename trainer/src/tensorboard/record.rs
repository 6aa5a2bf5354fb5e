//! TFRecord: how an event file separates and guards its events.

use crc::{CRC_32_ISCSI, Crc};

/// CRC-32C, as iSCSI defines it.
const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// A record of one message: its length (u64), the length's checksum, the message, its
/// checksum, all little-endian.
pub(super) fn frame(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    [
        &length[..],
        &masked(&length).to_le_bytes(),
        message,
        &masked(message).to_le_bytes(),
    ]
    .concat()
}

/// A checksum that is safe to store beside the data: TFRecord rotates it and adds a
/// constant, because the CRC of data that holds its own CRC is degenerate.
pub(super) fn masked(bytes: &[u8]) -> u32 {
    CHECKSUM
        .checksum(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}
