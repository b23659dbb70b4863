//! The program within the executable: compiled, evaluated once when the executable is made, and called at each start.

use crate::arena::{self, heap};
use crate::c;
use crate::host;
use crate::js::{Js, Thrown, Value};
use crate::making::standard_input;
use core::ffi::{c_int, CStr};
use core::ptr;
use rquickjs_sys as q;

/// The exit status where the program gives none: EX_SOFTWARE of sysexits.h.
pub const BROKEN: c_int = 70;
/// The garbage collector runs only when so many bytes are in use besides those of the snapshot. Only a call with megabytes
/// of input gets there.
const COLLECT_AFTER: u64 = arena::MORE_BYTES as u64 / 16;
/// The largest stack that is counted on, of which QuickJS gets half: arguments and environment take a quarter at most, and
/// the rest is for functions that do not check the depth.
const MOST_STACK: u64 = 8 << 20;

/// Compiles the program in JavaScript on standard input, and writes its bytecode, without source text or line numbers, to
/// standard output.
pub fn compile() -> ! {
    arena::prepare();
    // SAFETY: the pointers are those that QuickJS returned just before; the source ends in a NUL.
    unsafe {
        let runtime = new_runtime();
        let context = q::JS_NewContext(runtime);
        let source = standard_input();
        let flags = (q::JS_EVAL_TYPE_GLOBAL | q::JS_EVAL_FLAG_COMPILE_ONLY) as c_int;
        let code = q::JS_Eval(context, source.as_ptr().cast(), source.len() as u64, c"program".as_ptr(), flags);
        or_report(context, code);
        let mut length = 0;
        let flags = q::JS_WRITE_OBJ_BYTECODE | q::JS_WRITE_OBJ_STRIP_SOURCE | q::JS_WRITE_OBJ_STRIP_DEBUG;
        let bytes = q::JS_WriteObject(context, &mut length, code, flags as c_int);
        if bytes.is_null() {
            fail(c"the bytecode cannot be written");
        }
        c::write_all(1, core::slice::from_raw_parts(bytes, length as usize));
        c::_exit(0)
    }
}

/// Evaluates the bytecode on standard input, and writes the heap that this leaves to standard output.
pub fn make() -> ! {
    arena::prepare();
    // SAFETY: the pointers are those that QuickJS returned just before, and there is one thread.
    unsafe {
        let runtime = new_runtime();
        let context = new_context(runtime);
        (*heap()).runtime = runtime;
        (*heap()).context = context;
        let global = q::JS_GetGlobalObject(context);
        if host::install(Js(context), global).is_err() {
            report(context);
        }
        let bytecode = standard_input();
        let flags = q::JS_READ_OBJ_BYTECODE as c_int;
        let code = q::JS_ReadObject(context, bytecode.as_ptr(), bytecode.len() as u64, flags);
        or_report(context, code);
        or_report(context, q::JS_EvalFunction(context, code));
        if !q::JS_IsFunction(context, (*heap()).entry) {
            fail(c"the program does not call host.start with a function");
        }
        q::JS_FreeValue(context, global);
        q::JS_RunGC(runtime);
        let mut usage = core::mem::zeroed();
        q::JS_ComputeMemoryUsage(runtime, &mut usage);
        q::JS_SetGCThreshold(runtime, usage.malloc_size as u64 + COLLECT_AFTER);
        (*heap()).sealed = true;
        c::write_all(1, arena::bytes());
        c::_exit(0)
    }
}

/// Prints the versions of QuickJS and of the C library: a name and a version a line.
pub fn versions() -> ! {
    // SAFETY: both are C strings that stay.
    let (engine, library) =
        unsafe { (CStr::from_ptr(q::JS_GetVersion()), CStr::from_ptr(&raw const c::__libc_version)) };
    for (name, version) in [("quickjs-ng", engine), ("musl", library)] {
        for part in [name.as_bytes(), b" ", version.to_bytes(), b"\n"] {
            c::write_all(1, part);
        }
    }
    // SAFETY: it has no precondition.
    unsafe { c::_exit(0) }
}

/// Calls the program. What it returns, or the promise that it returns comes to, is the exit status of the process.
pub fn start() -> ! {
    // SAFETY: the heap holds what `make` put there. `main` was entered just now, so the stack's top is here.
    unsafe {
        c::signal(c::SIGPIPE, c::SIG_IGN);
        let (runtime, context) = ((*heap()).runtime, (*heap()).context);
        q::JS_SetMaxStackSize(runtime, stack_limit());
        q::JS_UpdateStackTop(runtime);
        let mut result = q::JS_Call(context, (*heap()).entry, q::JS_UNDEFINED, 0, ptr::null_mut());
        or_report(context, result);
        if q::JS_IsPromise(result) {
            result = settle(runtime, context, result);
        }
        c::_exit(Js(context).integer(result).map_or(BROKEN, |status| status as c_int))
    }
}

/// Runs the jobs of promises until none is left. Nothing else can settle a promise: every call of the host is synchronous.
/// @returns what the promise comes to; an exception is reported, and ends the process
unsafe fn settle(runtime: *mut q::JSRuntime, context: *mut q::JSContext, promise: Value) -> Value {
    let mut of = context;
    while q::JS_ExecutePendingJob(runtime, &raw mut of) > 0 {}
    match q::JS_PromiseState(context, promise) {
        q::JSPromiseStateEnum_JS_PROMISE_FULFILLED => q::JS_PromiseResult(context, promise),
        q::JSPromiseStateEnum_JS_PROMISE_REJECTED => {
            q::JS_Throw(context, q::JS_PromiseResult(context, promise));
            report(context)
        }
        _ => fail(c"the program waits for something that never comes"),
    }
}

/// Ends the making of a program that asks for `what`, which must not get into the heap; for functions that cannot throw.
/// Does nothing before there is a context, since then QuickJS itself asks.
pub fn refuse(what: &CStr) {
    // SAFETY: the context is null or the one that `make` made.
    unsafe {
        let context = (*heap()).context;
        if !context.is_null() {
            Js(context).throw_unsealed(what);
            report(context)
        }
    }
}

/// Writes the reason to standard error, and ends.
pub fn fail(reason: &CStr) -> ! {
    c::write_all(2, b"engine: ");
    c::write_all(2, reason.to_bytes());
    c::write_all(2, b"\n");
    // SAFETY: it has no precondition.
    unsafe { c::_exit(BROKEN) }
}

unsafe fn new_runtime() -> *mut q::JSRuntime {
    let runtime = q::JS_NewRuntime2(&arena::ALLOCATOR, ptr::null_mut());
    if runtime.is_null() {
        fail(c"there is no memory for the heap");
    }
    q::JS_SetMaxStackSize(runtime, MOST_STACK / 2); // the build machine's limit must not get into the heap
    runtime
}

/// A context with the whole language except what compiles (`eval`), the clock `performance`, and base64.
unsafe fn new_context(runtime: *mut q::JSRuntime) -> *mut q::JSContext {
    let context = q::JS_NewContextRaw(runtime);
    let add = [
        q::JS_AddIntrinsicBaseObjects,
        q::JS_AddIntrinsicDate,
        q::JS_AddIntrinsicRegExp,
        q::JS_AddIntrinsicJSON,
        q::JS_AddIntrinsicProxy,
        q::JS_AddIntrinsicMapSet,
        q::JS_AddIntrinsicTypedArrays,
        q::JS_AddIntrinsicPromise,
        q::JS_AddIntrinsicWeakRef,
    ];
    if context.is_null() || add.iter().any(|add| add(context) != 0) {
        fail(c"there is no memory for the heap");
    }
    context
}

fn stack_limit() -> u64 {
    let mut limit = c::Rlimit { soft: 0, hard: 0 };
    // SAFETY: the limit is a local variable.
    let got = unsafe { c::getrlimit(c::RLIMIT_STACK, &mut limit) };
    if got == 0 {
        limit.soft.min(MOST_STACK) / 2
    } else {
        MOST_STACK / 2
    }
}

/// # Safety
/// The value is a result of this context.
unsafe fn or_report(context: *mut q::JSContext, value: Value) {
    if q::JS_IsException(value) {
        report(context);
    }
}

/// Writes the exception to standard error, with its stack on the following lines where it has one, and ends.
///
/// # Safety
/// An exception is pending in the context.
unsafe fn report(context: *mut q::JSContext) -> ! {
    let js = Js(context);
    let error = q::JS_GetException(context);
    c::write_all(2, b"engine: ");
    let said = js.with_text(error, |text| {
        c::write_all(2, text);
        Ok(())
    });
    if said.is_err() {
        c::write_all(2, b"an exception that cannot be shown");
    }
    c::write_all(2, b"\n");
    if let Ok(stack) = js.get(error, c"stack") {
        if q::JS_IsString(stack) {
            let _: Result<(), Thrown> = js.with_text(stack, |text| {
                c::write_all(2, text);
                Ok(())
            });
        }
    }
    c::_exit(BROKEN)
}
