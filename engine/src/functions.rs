//! Functions of the C library by name. An argument is a number, a Uint8Array (its address is handed on) or null; the
//! result is a number, and -errno where the function failed.

use crate::c;
use crate::js::{Js, Thrown, Value};
use core::ffi::{c_int, c_long, c_void, CStr};
use rquickjs_sys as q;

/// The most arguments that one of the functions takes; so many fit into registers on both processors.
pub const MOST_ARGUMENTS: usize = 6;

type Word = c_long;
type Function = unsafe extern "C" fn(Word, Word, Word, Word, Word, Word) -> Word;

pub struct Named {
    pub name: &'static CStr,
    address: *const (),
    /// The function returns an int, so the upper half of the register says nothing.
    is_int: bool,
}

// SAFETY: the address is a function's.
unsafe impl Sync for Named {}

const fn int(name: &'static CStr, address: *const ()) -> Named {
    Named { name, address, is_int: true }
}

const fn long(name: &'static CStr, address: *const ()) -> Named {
    Named { name, address, is_int: false }
}

pub static FUNCTIONS: [Named; 30] = [
    int(c"socket", c::socket as *const ()),
    int(c"bind", c::bind as *const ()),
    int(c"connect", c::connect as *const ()),
    int(c"setsockopt", c::setsockopt as *const ()),
    int(c"getsockopt", c::getsockopt as *const ()),
    long(c"send", c::send as *const ()),
    long(c"sendto", c::sendto as *const ()),
    long(c"recv", c::recv as *const ()),
    int(c"poll", c::poll as *const ()),
    int(c"setns", c::setns as *const ()),
    int(c"flock", c::flock as *const ()),
    int(c"_exit", c::_exit as *const ()),
    int(c"openat", c::openat as *const ()),
    int(c"close", c::close as *const ()),
    long(c"read", c::read as *const ()),
    long(c"write", c::write as *const ()),
    int(c"rename", c::rename as *const ()),
    int(c"link", c::link as *const ()),
    int(c"symlink", c::symlink as *const ()),
    int(c"unlink", c::unlink as *const ()),
    int(c"chmod", c::chmod as *const ()),
    int(c"mkdir", c::mkdir as *const ()),
    int(c"rmdir", c::rmdir as *const ()),
    int(c"isatty", c::isatty as *const ()),
    int(c"statx", statx as *const ()),
    long(c"readlink", c::readlink as *const ()),
    long(c"syscall", c::syscall as *const ()),
    int(c"fstatfs", c::fstatfs as *const ()),
    int(c"ftruncate", c::ftruncate as *const ()),
    int(c"futimens", c::futimens as *const ()),
];

/// Calls the function with the arguments as words. @returns its result, or -errno where it is negative
pub fn call(js: Js, function: &Named, arguments: &[Value]) -> Result<Value, Thrown> {
    let mut words = [0; MOST_ARGUMENTS];
    for (word, &argument) in words.iter_mut().zip(arguments) {
        *word = word_of(js, argument)?;
    }
    let [a, b, c, d, e, f] = words;
    // SAFETY: on both processors, arguments beyond those that a function takes do it no harm, and integers are passed to
    // a variadic one as to any other. The program sees to it that the arguments are those that the function takes, as a
    // program in C does.
    let result = unsafe { core::mem::transmute::<*const (), Function>(function.address)(a, b, c, d, e, f) };
    let result = if function.is_int { (result as c_int).into() } else { result };
    Ok(js.number(if result < 0 { -f64::from(c::errno()) } else { result as f64 }))
}

fn word_of(js: Js, value: Value) -> Result<Word, Thrown> {
    // SAFETY: the tag of a value may always be looked at.
    let tag = unsafe { q::JS_VALUE_GET_TAG(value) };
    match tag {
        q::JS_TAG_OBJECT => Ok(js.bytes_of(value)?.as_mut_ptr() as Word),
        q::JS_TAG_NULL | q::JS_TAG_UNDEFINED => Ok(0),
        _ => js.integer(value),
    }
}

/// statx(2), for which musl has no function before 1.2.5.
unsafe extern "C" fn statx(
    directory: c_int,
    path: *const c_void,
    flags: c_int,
    mask: u32,
    found: *mut c_void,
) -> c_int {
    c::syscall(c::SYS_STATX, directory as Word, path, flags as Word, mask as Word, found) as c_int
}
