//! What the program sees of the machine: the global object `host`.

use crate::functions::{self, FUNCTIONS, MOST_ARGUMENTS};
use crate::js::{argument, HostFunction, Js, Thrown, Value, UNDEFINED};
use crate::{arena, clock, process, program, random, text};
use core::ffi::{c_int, CStr};
use rquickjs_sys as q;

struct Method {
    name: &'static CStr,
    call: HostFunction,
    /// The result depends on the machine or the moment, so the method throws while the program is being made.
    tells: bool,
}

const fn pure(name: &'static CStr, call: HostFunction) -> Method {
    Method { name, call, tells: false }
}

const fn telling(name: &'static CStr, call: HostFunction) -> Method {
    Method { name, call, tells: true }
}

static METHODS: [Method; 14] = [
    pure(c"start", start),
    pure(c"encode", text::encode),
    pure(c"decode", text::decode),
    pure(c"decodeStrictly", text::decode_strictly),
    pure(c"latin1", text::latin1),
    telling(c"monotonicMs", clock::monotonic),
    telling(c"sleepMs", clock::sleep),
    telling(c"randomBytes", random::random_bytes),
    telling(c"args", process::args),
    telling(c"environment", process::environment),
    telling(c"pid", process::pid),
    telling(c"effectiveUser", process::effective_user),
    telling(c"run", program::run),
    telling(c"exit", process::exit),
];
static RANDOM: Method = telling(c"Math.random", random::random);

/// Adds `host` to the global object, with the C functions below `host.c`, and replaces `Math.random`.
pub fn install(js: Js, global: Value) -> Result<(), Thrown> {
    let (host, c) = (js.object()?, js.object()?);
    for (at, function) in FUNCTIONS.iter().enumerate() {
        js.set(c, function.name, js.function(function.name, MOST_ARGUMENTS, call_c, at as c_int)?)?;
    }
    for (at, method) in METHODS.iter().enumerate() {
        js.set(host, method.name, js.function(method.name, 1, call_method, at as c_int)?)?;
    }
    let arch: &[u8] = if cfg!(target_arch = "aarch64") { b"arm64" } else { b"x64" };
    js.set(host, c"arch", js.text(arch)?)?;
    js.set(host, c"c", c)?;
    let math = js.get(global, c"Math")?;
    let random = js.function(c"random", 0, call_method, METHODS.len() as c_int)?;
    let replaced = js.set(math, c"random", random);
    js.free(math);
    replaced?;
    js.set(global, c"host", host)
}

/// `start(main)`: what each start of the program calls; it returns the exit status.
fn start(js: Js, arguments: &[Value]) -> Result<Value, Thrown> {
    if arena::is_sealed() {
        return Err(js.throw(c"the program has been started"));
    }
    let main = js.keep(argument(arguments, 0));
    // SAFETY: there is one thread, and nothing else refers to the field now.
    unsafe { (*arena::heap()).entry = main };
    Ok(UNDEFINED)
}

unsafe extern "C" fn call_c(ctx: *mut q::JSContext, _: Value, count: c_int, values: *mut Value, which: c_int) -> Value {
    let (js, function) = (Js(ctx), &FUNCTIONS[which as usize]);
    if !arena::is_sealed() {
        js.throw_unsealed(function.name);
        return q::JS_EXCEPTION;
    }
    let arguments = core::slice::from_raw_parts(values, count as usize);
    functions::call(js, function, arguments).unwrap_or(q::JS_EXCEPTION)
}

unsafe extern "C" fn call_method(
    ctx: *mut q::JSContext,
    _: Value,
    count: c_int,
    values: *mut Value,
    which: c_int,
) -> Value {
    let (js, method) = (Js(ctx), METHODS.get(which as usize).unwrap_or(&RANDOM));
    if method.tells && !arena::is_sealed() {
        js.throw_unsealed(method.name);
        return q::JS_EXCEPTION;
    }
    let arguments = core::slice::from_raw_parts(values, count as usize);
    (method.call)(js, arguments).unwrap_or(q::JS_EXCEPTION)
}
