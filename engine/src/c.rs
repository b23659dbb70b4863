//! The part of the C library (musl) that the engine uses, as the headers for 64-bit Linux declare it.

use core::ffi::{c_char, c_int, c_long, c_short, c_void};

pub const PROT_READ: c_int = 1;
pub const PROT_WRITE: c_int = 2;
pub const MAP_PRIVATE: c_int = 0x02;
pub const MAP_ANONYMOUS: c_int = 0x20;
pub const MAP_FIXED_NOREPLACE: c_int = 0x10_0000;
pub const MAP_FAILED: *mut c_void = -1isize as *mut c_void;

pub const CLOCK_REALTIME: c_int = 0;
pub const CLOCK_MONOTONIC: c_int = 1;
pub const RLIMIT_STACK: c_int = 3;

pub const EINTR: c_int = 4;

pub const SIGKILL: c_int = 9;
pub const SIGPIPE: c_int = 13;
pub const SIG_IGN: usize = 1;

pub const POLLIN: c_short = 1;
pub const POLLOUT: c_short = 4;

pub const P_PID: c_int = 1;
pub const WNOHANG: c_int = 1;
pub const WEXITED: c_int = 4;
pub const WNOWAIT: c_int = 0x0100_0000;

pub const O_NONBLOCK: c_int = 0o4000;
pub const O_CLOEXEC: c_int = 0o2_000_000;
pub const F_DUPFD_CLOEXEC: c_int = 1030;
pub const F_SETFD: c_int = 2;
pub const F_SETFL: c_int = 4;
pub const FD_CLOEXEC: c_int = 1;

pub const POSIX_SPAWN_SETPGROUP: c_short = 2;
pub const POSIX_SPAWN_SETSIGDEF: c_short = 4;
pub const POSIX_SPAWN_SETSIGMASK: c_short = 8;

#[cfg(target_arch = "x86_64")]
pub const SYS_STATX: c_long = 332;
#[cfg(target_arch = "aarch64")]
pub const SYS_STATX: c_long = 291;
pub const SYS_PIDFD_OPEN: c_long = 434;
pub const SYS_CLOSE_RANGE: c_long = 436;
pub const CLOSE_RANGE_CLOEXEC: c_int = 4;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Timespec {
    pub seconds: c_long,
    pub nanoseconds: c_long,
}

#[repr(C)]
pub struct Timeval {
    pub seconds: c_long,
    pub microseconds: c_long,
}

#[repr(C)]
pub struct Rlimit {
    pub soft: u64,
    pub hard: u64,
}

#[repr(C)]
pub struct Pollfd {
    pub fd: c_int,
    pub events: c_short,
    pub revents: c_short,
}

#[repr(C)]
pub struct Siginfo([u64; 16]);

#[repr(C)]
pub struct Sigset([u64; 16]);

#[repr(C)]
pub struct SpawnActions([u64; 10]);

#[repr(C)]
pub struct SpawnAttributes([u64; 42]);

macro_rules! zeroed {
    ($($name:ident),*) => {
        $(impl $name {
            pub const fn zeroed() -> Self {
                $name([0; { size_of::<$name>() / 8 }])
            }
        })*
    };
}
impl Siginfo {
    /// The first field: zero where waitid(2) found nothing.
    pub fn signal(&self) -> c_int {
        self.0[0] as c_int
    }
}

zeroed!(Siginfo, Sigset, SpawnActions, SpawnAttributes);

extern "C" {
    /// The first character of the library's version.
    pub static __libc_version: c_char;
    pub static environ: *const *const c_char;
    pub fn __errno_location() -> *mut c_int;
    pub fn bind(fd: c_int, address: *const c_void, length: u32) -> c_int;
    pub fn chmod(path: *const c_char, mode: u32) -> c_int;
    pub fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int;
    pub fn clock_nanosleep(clock: c_int, flags: c_int, time: *const Timespec, left: *mut Timespec) -> c_int;
    pub fn close(fd: c_int) -> c_int;
    pub fn connect(fd: c_int, address: *const c_void, length: u32) -> c_int;
    pub fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
    pub fn flock(fd: c_int, operation: c_int) -> c_int;
    pub fn fstatfs(fd: c_int, status: *mut c_void) -> c_int;
    pub fn ftruncate(fd: c_int, length: i64) -> c_int;
    pub fn futimens(fd: c_int, times: *const Timespec) -> c_int;
    pub fn geteuid() -> u32;
    pub fn getpid() -> c_int;
    pub fn getrandom(buffer: *mut c_void, length: usize, flags: u32) -> isize;
    pub fn getrlimit(resource: c_int, limit: *mut Rlimit) -> c_int;
    pub fn getsockopt(fd: c_int, level: c_int, name: c_int, value: *mut c_void, length: *mut u32) -> c_int;
    pub fn gmtime_r(time: *const c_long, parts: *mut c_void) -> *mut c_void;
    pub fn isatty(fd: c_int) -> c_int;
    pub fn kill(pid: c_int, signal: c_int) -> c_int;
    pub fn link(from: *const c_char, to: *const c_char) -> c_int;
    pub fn mkdir(path: *const c_char, mode: u32) -> c_int;
    pub fn mmap(at: *mut c_void, length: usize, protection: c_int, flags: c_int, fd: c_int, offset: i64)
        -> *mut c_void;
    pub fn munmap(at: *mut c_void, length: usize) -> c_int;
    pub fn openat(directory: c_int, path: *const c_char, flags: c_int, ...) -> c_int;
    pub fn pipe2(ends: *mut c_int, flags: c_int) -> c_int;
    pub fn poll(set: *mut Pollfd, count: u64, timeout: c_int) -> c_int;
    pub fn posix_spawn(
        pid: *mut c_int,
        path: *const c_char,
        actions: *const SpawnActions,
        attributes: *const SpawnAttributes,
        argv: *const *const c_char,
        envp: *const *const c_char,
    ) -> c_int;
    pub fn posix_spawn_file_actions_adddup2(actions: *mut SpawnActions, from: c_int, to: c_int) -> c_int;
    pub fn posix_spawn_file_actions_destroy(actions: *mut SpawnActions) -> c_int;
    pub fn posix_spawnattr_setflags(attributes: *mut SpawnAttributes, flags: c_short) -> c_int;
    pub fn posix_spawnattr_setsigdefault(attributes: *mut SpawnAttributes, signals: *const Sigset) -> c_int;
    pub fn read(fd: c_int, buffer: *mut c_void, length: usize) -> isize;
    pub fn readlink(path: *const c_char, buffer: *mut c_char, length: usize) -> isize;
    pub fn recv(fd: c_int, buffer: *mut c_void, length: usize, flags: c_int) -> isize;
    pub fn rename(from: *const c_char, to: *const c_char) -> c_int;
    pub fn rmdir(path: *const c_char) -> c_int;
    pub fn send(fd: c_int, buffer: *const c_void, length: usize, flags: c_int) -> isize;
    pub fn sendto(
        fd: c_int,
        buffer: *const c_void,
        length: usize,
        flags: c_int,
        address: *const c_void,
        size: u32,
    ) -> isize;
    pub fn setns(fd: c_int, kind: c_int) -> c_int;
    pub fn setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, length: u32) -> c_int;
    pub fn sigfillset(signals: *mut Sigset) -> c_int;
    pub fn signal(signal: c_int, handler: usize) -> usize;
    pub fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    pub fn syscall(number: c_long, ...) -> c_long;
    pub fn symlink(target: *const c_char, path: *const c_char) -> c_int;
    pub fn unlink(path: *const c_char) -> c_int;
    pub fn waitid(kind: c_int, id: c_int, info: *mut Siginfo, options: c_int) -> c_int;
    pub fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    pub fn write(fd: c_int, buffer: *const c_void, length: usize) -> isize;
    pub fn _exit(status: c_int) -> !;
}

/// The calling thread's errno.
pub fn errno() -> c_int {
    // SAFETY: the C library returns the address of a variable that is always there.
    unsafe { *__errno_location() }
}

/// Writes all of the bytes; those that cannot be written are lost.
pub fn write_all(fd: c_int, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: the bytes are a slice's.
        let written = unsafe { write(fd, bytes.as_ptr().cast(), bytes.len()) };
        match written {
            1.. => bytes = &bytes[written as usize..],
            _ if errno() == EINTR => {}
            _ => return,
        }
    }
}
