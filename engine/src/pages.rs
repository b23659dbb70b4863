//! Whole pages for QuickJS, which carves its small blocks out of pieces of 4 KiB ("arenas" in quickjs.c). A piece that began
//! within a page would lie in two, and where a call writes to a block for the first time, the kernel copies the page.

use core::ptr;

/// The smallest page of a supported kernel, and the most that QuickJS asks for at once for small blocks (JS_ARENA_SIZE).
pub const PAGE: usize = 4096;
/// The least that QuickJS asks for at once for small blocks: as many blocks of one size as fit a page.
const LEAST: usize = PAGE - 512;
/// Bytes that are taken at once, aligned to as many.
pub const SLAB: usize = 64 << 10;

/// The pages. `SLABS` is the most slabs that the memory of the allocator can hold.
pub struct Pages<const SLABS: usize> {
    /// The pages that were given back, as a list: each begins with the address of the next one.
    free: *mut u8,
    /// The rest of the last slab, of `left` bytes.
    fresh: *mut u8,
    left: usize,
    /// By the number of a slab: whether its blocks are pages.
    is_slab: [bool; SLABS],
}

impl<const SLABS: usize> Pages<SLABS> {
    pub const EMPTY: Self = Self { free: ptr::null_mut(), fresh: ptr::null_mut(), left: 0, is_slab: [false; SLABS] };

    /// Whether a block of that size is a page.
    pub fn serves(size: usize) -> bool {
        (LEAST..=PAGE).contains(&size)
    }

    /// A page; null where `new_slab` returns null. `number` numbers the slabs by their addresses.
    pub fn take(&mut self, new_slab: impl FnOnce() -> *mut u8, number: impl Fn(*const u8) -> usize) -> *mut u8 {
        if !self.free.is_null() {
            let page = self.free;
            // SAFETY: a page in the list holds the address of the next one.
            self.free = unsafe { page.cast::<*mut u8>().read() };
            return page;
        }
        if self.left == 0 {
            let slab = new_slab();
            if slab.is_null() {
                return slab;
            }
            self.is_slab[number(slab)] = true;
            (self.fresh, self.left) = (slab, SLAB);
        }
        let page = self.fresh;
        self.fresh = page.wrapping_add(PAGE);
        self.left -= PAGE;
        page
    }

    /// Whether a block of the slab of that number is a page.
    pub fn has(&self, number: usize) -> bool {
        self.is_slab[number]
    }

    /// # Safety
    /// The page was taken and is used no more.
    pub unsafe fn give_back(&mut self, page: *mut u8) {
        page.cast::<*mut u8>().write(self.free);
        self.free = page;
    }
}
