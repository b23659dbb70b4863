//! A growing list of bytes in the heap.

use crate::arena;
use core::ptr;

pub struct Buffer {
    start: *mut u8,
    length: usize,
    capacity: usize,
}

impl Buffer {
    pub const fn new() -> Buffer {
        Buffer { start: ptr::null_mut(), length: 0, capacity: 0 }
    }

    pub fn bytes(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: the block is this buffer's own, and its first `length` bytes have been written.
        unsafe { core::slice::from_raw_parts(self.start, self.length) }
    }

    /// Adds the bytes; `None` where there is no memory for them.
    pub fn push(&mut self, bytes: &[u8]) -> Option<()> {
        self.room(bytes.len())?[..bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
        Some(())
    }

    /// Calls `fill` with room for at least `most` bytes, and adds the bytes that it writes. `fill` returns their number, or
    /// a negative number, which adds none. @returns what `fill` returns; `None` where memory is short
    pub fn fill(&mut self, most: usize, fill: impl FnOnce(&mut [u8]) -> isize) -> Option<isize> {
        let got = fill(self.room(most)?);
        self.length += got.max(0) as usize;
        Some(got)
    }

    /// The room behind the bytes, of at least `wanted` bytes; `None` where memory is short.
    fn room(&mut self, wanted: usize) -> Option<&mut [u8]> {
        if wanted == 0 {
            return Some(&mut []);
        }
        let needed = self.length.checked_add(wanted)?;
        if needed > self.capacity {
            let capacity = needed.max(self.capacity * 2);
            // SAFETY: the block is null or this buffer's own.
            let start = unsafe { arena::resize_block(self.start, capacity) };
            if start.is_null() {
                return None;
            }
            // SAFETY: the block has that many bytes; those that were not written yet are zeroed.
            unsafe { ptr::write_bytes(start.add(self.length), 0, capacity - self.length) };
            (self.start, self.capacity) = (start, capacity);
        }
        // SAFETY: the block is this buffer's own, and everything in it has been written.
        Some(unsafe { core::slice::from_raw_parts_mut(self.start.add(self.length), self.capacity - self.length) })
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the block is null or this buffer's own, and nothing refers to it any more.
        unsafe { arena::free_block(self.start) };
    }
}
