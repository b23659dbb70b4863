//! This process: its environment and arguments as text, its IDs, its end.

use crate::c;
use crate::js::{argument, Js, Thrown, Value};
use crate::text::lenient;
use core::ffi::{c_char, c_int, CStr};

/// The arguments of `main`.
static mut ARGUMENTS: &[*const c_char] = &[];

/// # Safety
/// `argv` has `argc` strings, for as long as the process lives; called once, before anything else here.
pub unsafe fn keep_arguments(argc: c_int, argv: *const *const c_char) {
    ARGUMENTS = core::slice::from_raw_parts(argv, argc as usize);
}

/// `args()`: the arguments, with the name that the program was started under first.
pub fn args(js: Js, _: &[Value]) -> Result<Value, Thrown> {
    // SAFETY: written once, before the program runs.
    texts(js, unsafe { ARGUMENTS })
}

/// `environment()`: an object of all variables. Where one is there twice, the first counts, as with getenv(3).
pub fn environment(js: Js, _: &[Value]) -> Result<Value, Thrown> {
    // SAFETY: the environment is a list of C strings that ends in null, and is not changed.
    let variables = unsafe {
        let mut count = 0;
        while !(*c::environ.add(count)).is_null() {
            count += 1;
        }
        core::slice::from_raw_parts(c::environ, count)
    };
    let object = js.object()?;
    for &variable in variables.iter().rev() {
        // SAFETY: as above.
        let variable = unsafe { CStr::from_ptr(variable) }.to_bytes();
        if let Some(at) = variable.iter().position(|&byte| byte == b'=') {
            js.define(object, lenient(js, &variable[..at])?, lenient(js, &variable[at + 1..])?)?;
        }
    }
    Ok(object)
}

/// `pid()`
pub fn pid(js: Js, _: &[Value]) -> Result<Value, Thrown> {
    // SAFETY: it has no precondition.
    Ok(js.number(unsafe { c::getpid() }.into()))
}

/// `effectiveUser()`: its ID.
pub fn effective_user(js: Js, _: &[Value]) -> Result<Value, Thrown> {
    // SAFETY: it has no precondition.
    Ok(js.number(unsafe { c::geteuid() }.into()))
}

/// `exit(status)`: ends the process at once.
pub fn exit(js: Js, arguments: &[Value]) -> Result<Value, Thrown> {
    let status = js.integer(argument(arguments, 0))?;
    // SAFETY: it has no precondition.
    unsafe { c::_exit(status as c_int) }
}

fn texts(js: Js, strings: &[*const c_char]) -> Result<Value, Thrown> {
    let array = js.array()?;
    for (at, &string) in strings.iter().enumerate() {
        // SAFETY: the caller's strings are C strings that stay.
        let bytes = unsafe { CStr::from_ptr(string) }.to_bytes();
        js.set_element(array, at as u32, lenient(js, bytes)?)?;
    }
    Ok(array)
}
