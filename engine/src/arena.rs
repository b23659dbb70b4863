//! The memory that QuickJS allocates from. It begins in the segment `.heap` of the executable, at an address of its own, so
//! that what the program evaluated when it was made is there at every start: the kernel maps it, page by page as it is used.
//! What a call needs beyond that is mapped in steps. The allocator's own state lies in the segment too.

use crate::c;
use crate::pages::{self, Pages};
use core::ffi::c_void;
use core::ptr;
use dlmalloc::{Allocator, Dlmalloc};
use rquickjs_sys as q;

/// Where `.heap` begins (`--section-start` in .cargo/config.toml): below 2^36, as small as an address space on arm64 can be.
pub const HEAP: usize = 0x8_0000_0000;
/// The length of `.heap` while the program is being made; afterwards the file is cut to what is used.
const HEAP_BYTES: usize = 16 << 20;
/// Where more is mapped: far from the segment, behind which the kernel may put brk.
const MORE: usize = 0xc_0000_0000;
/// How much is mapped beyond the segment at most.
pub const MORE_BYTES: usize = 256 << 20;
const FIRST_STEP: usize = 1 << 20;
const LARGEST_STEP: usize = 16 << 20;
/// The largest page of any arm64 kernel.
const PAGE: usize = pages::SLAB;

const SLABS: usize = (HEAP_BYTES + MORE_BYTES) / pages::SLAB;

core::arch::global_asm!(".pushsection .heap, \"awR\", %progbits", ".balign 65536", ".zero 0x1000000", ".popsection",);

/// The beginning of the segment.
#[repr(C)]
pub struct Heap {
    /// False in an executable that has no program yet.
    pub sealed: bool,
    pub runtime: *mut q::JSRuntime,
    pub context: *mut q::JSContext,
    /// The function that a start calls.
    pub entry: q::JSValue,
    allocator: Dlmalloc<Steps>,
    pages: Pages<SLABS>,
    bounds: Bounds,
}

/// How much memory the allocator has.
struct Bounds {
    /// Bytes of the segment that are in use.
    used: usize,
    /// Bytes that are mapped beyond the segment.
    more: usize,
    /// Bytes that are mapped next.
    step: usize,
}

/// Valid for as long as the process lives: zero, or what `prepare` wrote.
pub const fn heap() -> *mut Heap {
    HEAP as *mut Heap
}

/// Whether the program has been made, so that the machine may be asked.
pub fn is_sealed() -> bool {
    // SAFETY: the segment is mapped, and zero is a value of the field too.
    unsafe { (*heap()).sealed }
}

/// Makes an empty heap, to evaluate a program in.
pub fn prepare() {
    let empty = Heap {
        sealed: false,
        runtime: ptr::null_mut(),
        context: ptr::null_mut(),
        entry: q::JS_UNDEFINED,
        allocator: Dlmalloc::new_with_allocator(Steps),
        pages: Pages::EMPTY,
        bounds: Bounds { used: size_of::<Heap>().next_multiple_of(PAGE), more: 0, step: FIRST_STEP },
    };
    // SAFETY: the segment is writable and larger than a `Heap`, and nothing is in it yet.
    unsafe { ptr::write(HEAP as *mut Heap, empty) }
}

/// The bytes of the segment that are used, whole pages.
pub fn bytes() -> &'static [u8] {
    // SAFETY: the segment is mapped, and `used` is at most its length.
    unsafe { core::slice::from_raw_parts(HEAP as *const u8, (*heap()).bounds.used) }
}

/// Gives the allocator its memory.
struct Steps;

// SAFETY: what `alloc` returns is mapped, writable, and returned once.
unsafe impl Allocator for Steps {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let got = if is_sealed() { map_step(size) } else { take_from_segment(size) };
        got.map_or((ptr::null_mut(), 0, 0), |(at, length)| (at as *mut u8, length, 0))
    }
    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }
    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }
    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }
    fn can_release_part(&self, _: u32) -> bool {
        false
    }
    fn allocates_zeros(&self) -> bool {
        true
    }
    fn page_size(&self) -> usize {
        PAGE
    }
}

fn take_from_segment(size: usize) -> Option<(usize, usize)> {
    // SAFETY: there is one thread, and the allocator that calls this borrows another field.
    let bounds = unsafe { &mut (*heap()).bounds };
    let length = size.next_multiple_of(PAGE);
    if length > HEAP_BYTES - bounds.used {
        return None;
    }
    let at = HEAP + bounds.used;
    bounds.used += length;
    Some((at, length))
}

/// Maps a step of the usual size, or a smaller one where a limit is near; `None` where not even `size` can be had. Garbage is
/// not collected now: no caller expects an allocation to do that.
fn map_step(size: usize) -> Option<(usize, usize)> {
    // SAFETY: there is one thread, and the allocator that calls this borrows another field.
    let bounds = unsafe { &mut (*heap()).bounds };
    let wanted = size.checked_next_multiple_of(PAGE)?;
    let mut length = wanted.max(bounds.step);
    loop {
        if let Some(at) = map_further(bounds, length) {
            bounds.step = (length * 2).clamp(FIRST_STEP, LARGEST_STEP);
            return Some((at, length));
        }
        if length == wanted {
            return None;
        }
        length = wanted.max((length / 2).next_multiple_of(PAGE));
    }
}

/// A slab of pages, straight from the memory that the allocator gets its own from, which is aligned to `SLAB`: taken from the
/// allocator, each slab would leave a hole of its own length before it. Where there is no more of that memory, what was freed
/// has to do.
fn new_slab() -> *mut u8 {
    // SAFETY: there is one thread, and neither the allocator nor `Pages` borrows this field.
    let bounds = unsafe { &mut (*heap()).bounds };
    let slab =
        if is_sealed() { map_further(bounds, pages::SLAB) } else { take_from_segment(pages::SLAB).map(|(at, _)| at) };
    // SAFETY: there is one thread, and nothing else borrows the allocator.
    slab.map_or_else(|| unsafe { (*heap()).allocator.c_memalign(pages::SLAB, pages::SLAB) }, |at| at as *mut u8)
}

/// Maps so many bytes behind those that are mapped beyond the segment. Where that fails, garbage is collected when the next
/// object is made.
fn map_further(bounds: &mut Bounds, length: usize) -> Option<usize> {
    let at = MORE + bounds.more;
    if length <= MORE_BYTES - bounds.more && map(at, length) {
        bounds.more += length;
        return Some(at);
    }
    // SAFETY: a sealed heap has its runtime, and this sets a number in it.
    unsafe { q::JS_SetGCThreshold((*heap()).runtime, 0) };
    None
}

/// Maps zeroed memory at that address and nowhere else. Kernels before 4.17 take the address for a hint.
fn map(at: usize, length: usize) -> bool {
    let flags = c::MAP_PRIVATE | c::MAP_ANONYMOUS | c::MAP_FIXED_NOREPLACE;
    // SAFETY: with this flag the call replaces no mapping, so it takes no memory away from anything.
    let got = unsafe { c::mmap(at as *mut c_void, length, c::PROT_READ | c::PROT_WRITE, flags, -1, 0) };
    if got as usize == at {
        return true;
    }
    if got != c::MAP_FAILED {
        // SAFETY: the mapping was made just now, and nothing uses it.
        unsafe { c::munmap(got, length) };
    }
    false
}

/// A block of the heap for the host itself: a new one, or `block` (or null) at another length. Null where there is no room.
///
/// # Safety
/// `block` is null, or was returned by this function and not freed.
pub unsafe fn resize_block(block: *mut u8, length: usize) -> *mut u8 {
    (*heap()).allocator.c_realloc(block, length)
}

/// # Safety
/// `block` is null, or was returned by `resize_block` and not freed.
pub unsafe fn free_block(block: *mut u8) {
    (*heap()).allocator.c_free(block);
}

unsafe extern "C" fn allocate(_: *mut c_void, size: u64) -> *mut c_void {
    if !Pages::<SLABS>::serves(size as usize) {
        return (*heap()).allocator.c_malloc(size as usize).cast();
    }
    (*heap()).pages.take(new_slab, slab_number).cast()
}

unsafe extern "C" fn allocate_zeroed(_: *mut c_void, count: u64, size: u64) -> *mut c_void {
    match (count as usize).checked_mul(size as usize) {
        Some(length) => (*heap()).allocator.calloc(length, 1).cast(),
        None => ptr::null_mut(),
    }
}

unsafe extern "C" fn release(_: *mut c_void, block: *mut c_void) {
    if is_page(block) {
        (*heap()).pages.give_back(block.cast());
    } else {
        (*heap()).allocator.c_free(block.cast());
    }
}

unsafe extern "C" fn resize(opaque: *mut c_void, block: *mut c_void, size: u64) -> *mut c_void {
    if is_page(block) && size as usize > pages::PAGE {
        let moved = (*heap()).allocator.c_malloc(size as usize);
        if !moved.is_null() {
            ptr::copy_nonoverlapping(block.cast(), moved, pages::PAGE);
            release(opaque, block);
        }
        return moved.cast();
    }
    if is_page(block) {
        return block;
    }
    (*heap()).allocator.c_realloc(block.cast(), size as usize).cast()
}

/// Whether the block is one of `Heap::pages`; false for null.
unsafe fn is_page(block: *const c_void) -> bool {
    !block.is_null() && (*heap()).pages.has(slab_number(block.cast()))
}

/// The number of the slab that holds the block, which lies in the segment, or in the memory that is mapped beyond it.
fn slab_number(block: *const u8) -> usize {
    let at = block as usize;
    let offset = if at < MORE { at - HEAP } else { HEAP_BYTES + at - MORE };
    offset / pages::SLAB
}

/// The word before a block is its chunk's length with three flags, and counts towards it (dlmalloc's INUSE chunks).
unsafe extern "C" fn usable(block: *const c_void) -> u64 {
    if block.is_null() {
        return 0;
    }
    if is_page(block) {
        return pages::PAGE as u64;
    }
    let head = *block.cast::<usize>().sub(1);
    ((head & !7) - size_of::<usize>()) as u64
}

pub static ALLOCATOR: q::JSMallocFunctions = q::JSMallocFunctions {
    js_calloc: Some(allocate_zeroed),
    js_malloc: Some(allocate),
    js_free: Some(release),
    js_realloc: Some(resize),
    js_malloc_usable_size: Some(usable),
};
