//! Time: the two clocks, and sleeping. Also the functions that QuickJS's Date calls, which the linker replaces (`--wrap`).

use crate::c::{self, Timespec, Timeval};
use crate::js::{argument, Js, Thrown, Value};
use crate::{arena, snapshot};
use core::ffi::{c_int, c_long, c_void};
use core::ptr;

/// `monotonicMs()`: milliseconds of a clock that never jumps, from an arbitrary start.
pub fn monotonic(js: Js, _: &[Value]) -> Result<Value, Thrown> {
    let now = read(c::CLOCK_MONOTONIC);
    Ok(js.number(now.seconds as f64 * 1e3 + now.nanoseconds as f64 / 1e6))
}

/// `sleepMs(duration)`: blocks for so many milliseconds, whatever signals come.
pub fn sleep(js: Js, arguments: &[Value]) -> Result<Value, Thrown> {
    let ms = js.integer(argument(arguments, 0))?.max(0);
    let mut until = read(c::CLOCK_MONOTONIC);
    until.seconds += ms / 1000;
    until.nanoseconds += ms % 1000 * 1_000_000;
    if until.nanoseconds >= 1_000_000_000 {
        until.seconds += 1;
        until.nanoseconds -= 1_000_000_000;
    }
    const TIMER_ABSTIME: c_int = 1;
    // SAFETY: the time is a local variable, and nothing is written with an absolute one.
    while unsafe { c::clock_nanosleep(c::CLOCK_MONOTONIC, TIMER_ABSTIME, &until, ptr::null_mut()) } == c::EINTR {}
    Ok(crate::js::UNDEFINED)
}

/// Milliseconds of the monotonic clock.
pub fn monotonic_ms() -> i64 {
    let now = read(c::CLOCK_MONOTONIC);
    now.seconds * 1000 + now.nanoseconds / 1_000_000
}

fn read(clock: c_int) -> Timespec {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: the time is a local variable.
    unsafe { c::clock_gettime(clock, &mut time) };
    time
}

/// QuickJS calls it for `Date`, and once for the seed of a new context. While a program is made, the seed must be the same
/// each time, and a date is refused.
///
/// # Safety
/// As gettimeofday(2), whose second argument is obsolete.
#[no_mangle]
unsafe extern "C" fn __wrap_gettimeofday(time: *mut Timeval, _: *mut c_void) -> c_int {
    if !arena::is_sealed() {
        snapshot::refuse(c"the current date");
        time.write(Timeval { seconds: 1, microseconds: 0 });
        return 0;
    }
    let now = read(c::CLOCK_REALTIME);
    time.write(Timeval { seconds: now.seconds, microseconds: now.nanoseconds / 1000 });
    0
}

/// Local time is UTC: a time zone would be read from the environment and the disk.
///
/// # Safety
/// As localtime_r(3).
#[no_mangle]
unsafe extern "C" fn __wrap_localtime_r(time: *const c_long, parts: *mut c_void) -> *mut c_void {
    c::gmtime_r(time, parts)
}
