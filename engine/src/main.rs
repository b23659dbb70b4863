//! Runs a program in JavaScript whose heap is in the executable: nothing is parsed, compiled or evaluated at a start.
//!
//! The engine as it is built has an empty heap, and makes programs: `engine compile` turns JavaScript into bytecode,
//! `engine make` evaluates the bytecode and writes the heap; `engine versions` prints the versions of QuickJS and musl.
//! With the bytes of the heap in its segment `.heap`, the executable is the program: it takes no options of the engine's,
//! and calls the function that was given to `host.start`.

#![no_std]
#![no_main]

mod arena;
mod buffer;
mod c;
mod clock;
mod functions;
mod host;
mod js;
mod making;
mod pages;
mod pipe;
mod process;
mod program;
mod random;
mod snapshot;
mod text;

use core::ffi::{c_char, c_int, CStr};

#[no_mangle]
extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    // SAFETY: the C library calls this once, with the arguments of the process.
    let command = unsafe {
        process::keep_arguments(argc, argv);
        if arena::is_sealed() {
            snapshot::start();
        }
        if argc == 2 {
            CStr::from_ptr(*argv.add(1))
        } else {
            c""
        }
    };
    match command.to_bytes() {
        b"compile" => making::on_fixed_stack(snapshot::compile),
        b"make" => making::on_fixed_stack(snapshot::make),
        b"versions" => snapshot::versions(),
        _ => snapshot::fail(c"there is no program in this executable. To make one: engine compile, engine make"),
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    snapshot::fail(c"it has come to a state that should be impossible")
}

/// Rust's libraries, which were compiled to unwind, refer to it; nothing unwinds here.
#[no_mangle]
extern "C" fn rust_eh_personality() {}
