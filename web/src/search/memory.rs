//! How much of a device's memory models may take.

use js_sys::Reflect;

/// Memory of an encoder over the bytes of its weights: the file, and what is made of it.
const PER_BYTE: u64 = 2;

/// Memory that the encoders of all cores may take together.
const BUDGET: u64 = 1 << 30;

/// Encoders beyond which more cores help little: the memory is shared by all.
const MOST: u64 = 4;

/// Whether the device can hold an encoder of so many bytes beside those that hold `taken`, as far
/// as it tells: browsers round memory to a power of two and name 8 GB at most; some say nothing.
pub fn suffices(weights: u64, taken: u64) -> bool {
    match number("deviceMemory") {
        // A quarter: the rest belongs to the system and to other pages.
        Some(gigabytes) => (weights * PER_BYTE + taken) as f64 <= gigabytes * 1e9 / 4.0,
        None => true,
    }
}

/// How many encoders of so many bytes each shall work side by side, and beside those that hold
/// `taken`.
pub fn encoders(weights: u64, taken: u64) -> usize {
    let cores = number("hardwareConcurrency").map_or(1, |cores| cores as u64);
    let room = BUDGET.saturating_sub(taken) / (weights * PER_BYTE).max(1);
    cores.min(room).clamp(1, MOST) as usize
}

fn number(name: &str) -> Option<f64> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into()).ok()?;
    Reflect::get(&navigator, &name.into()).ok()?.as_f64()
}
