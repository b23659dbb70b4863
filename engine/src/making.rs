//! Memory at fixed addresses, outside the heap, for the time in which a program is made. What QuickJS leaves in the heap
//! may hold addresses of the stack, which the kernel puts elsewhere each time; two builds must give the same bytes.

use crate::{c, snapshot};
use core::ffi::c_void;

const STACK: usize = 0xa_0000_0000;
const STACK_BYTES: usize = 16 << 20;
const INPUT: usize = 0xb_0000_0000;
const INPUT_BYTES: usize = 64 << 20;

/// Runs `act` on a stack of its own, and never returns.
pub fn on_fixed_stack(act: fn() -> !) -> ! {
    map(STACK, STACK_BYTES);
    let top = STACK + STACK_BYTES;
    // SAFETY: the memory is ours, aligned, and nothing of the old stack is used by what never returns to it.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        core::arch::asm!("mov rsp, {}", "xor ebp, ebp", "call {}", "ud2", in(reg) top, in(reg) act, options(noreturn));
        #[cfg(target_arch = "aarch64")]
        core::arch::asm!("mov sp, {}", "mov x29, xzr", "blr {}", "brk #1", in(reg) top, in(reg) act, options(noreturn));
    }
}

/// All of standard input. A NUL stands behind the slice.
pub fn standard_input() -> &'static [u8] {
    map(INPUT, INPUT_BYTES);
    let mut length = 0;
    while length + 1 < INPUT_BYTES {
        // SAFETY: what is read goes into the mapping, before its last byte.
        let got = unsafe { c::read(0, (INPUT + length) as *mut c_void, INPUT_BYTES - 1 - length) };
        match got {
            // SAFETY: so many bytes have been written, and nothing else refers to them.
            0 => return unsafe { core::slice::from_raw_parts(INPUT as *const u8, length) },
            1.. => length += got as usize,
            _ if c::errno() == c::EINTR => {}
            _ => snapshot::fail(c"the program cannot be read from standard input"),
        }
    }
    snapshot::fail(c"the program is too large")
}

fn map(at: usize, length: usize) {
    let flags = c::MAP_PRIVATE | c::MAP_ANONYMOUS | c::MAP_FIXED_NOREPLACE;
    // SAFETY: with this flag the call replaces no mapping.
    let got = unsafe { c::mmap(at as *mut c_void, length, c::PROT_READ | c::PROT_WRITE, flags, -1, 0) };
    if got as usize != at {
        snapshot::fail(c"there is no memory to make a program in");
    }
}
