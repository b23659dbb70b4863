//! Random numbers, all from the kernel.

use crate::buffer::Buffer;
use crate::c;
use crate::js::{argument, Js, Thrown, Value};

/// `randomBytes(length)`: a Uint8Array.
pub fn random_bytes(js: Js, arguments: &[Value]) -> Result<Value, Thrown> {
    let length = js.integer(argument(arguments, 0))?.clamp(0, 1 << 20) as usize;
    let mut bytes = Buffer::new();
    while bytes.bytes().len() < length {
        let left = length - bytes.bytes().len();
        bytes.fill(left, |room| fill(&mut room[..left])).ok_or_else(|| js.out_of_memory())?;
    }
    js.bytes(bytes.bytes())
}

/// `Math.random()`: 53 bits. Each number comes from the kernel, so that no state can be the same in two processes.
pub fn random(js: Js, _: &[Value]) -> Result<Value, Thrown> {
    let mut bytes = [0; 8];
    while fill(&mut bytes) < bytes.len() as isize {}
    Ok(js.number((u64::from_ne_bytes(bytes) >> 11) as f64 / (1u64 << 53) as f64))
}

/// Fills the bytes. @returns how many; up to 256 come whole once the kernel's generator is ready (getrandom(2))
fn fill(bytes: &mut [u8]) -> isize {
    // SAFETY: the bytes are a slice's.
    unsafe { c::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) }
}
