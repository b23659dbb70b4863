//! Pipes to another program.

use crate::buffer::Buffer;
use crate::c;
use core::ffi::c_int;

/// As much as a pipe holds, usually.
const CHUNK: usize = 64 << 10;
const FIRST_OWN: c_int = 3;
const EAGAIN: c_int = 11;

/// Both ends of a pipe; a closed end is -1.
pub struct Pipe {
    pub read_end: c_int,
    pub write_end: c_int,
}

impl Pipe {
    /// A pipe with both ends above the standard descriptors, which may be closed. @returns the errno where that fails
    pub fn new() -> Result<Pipe, c_int> {
        let mut ends = [-1; 2];
        // SAFETY: the ends are a local array of two.
        if unsafe { c::pipe2(ends.as_mut_ptr(), c::O_CLOEXEC) } < 0 {
            return Err(c::errno());
        }
        let [read_end, write_end] = ends.map(above_standard);
        let pipe = Pipe { read_end, write_end };
        if read_end < 0 || write_end < 0 {
            return Err(c::errno());
        }
        Ok(pipe)
    }

    pub fn keep_read_end(&mut self) {
        close(&mut self.write_end);
        do_not_block(self.read_end);
    }

    pub fn keep_write_end(&mut self) {
        close(&mut self.read_end);
        do_not_block(self.write_end);
    }

    pub fn close(&mut self) {
        close(&mut self.read_end);
        close(&mut self.write_end);
    }

    /// Writes as many of the bytes as the pipe takes. @returns the rest; empty where the other end is closed
    pub fn write<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if bytes.is_empty() || self.write_end < 0 {
            return &[];
        }
        // SAFETY: the bytes are a slice's. SIGPIPE is ignored.
        let written = unsafe { c::write(self.write_end, bytes.as_ptr().cast(), bytes.len()) };
        match written {
            0.. => &bytes[written as usize..],
            _ if matches!(c::errno(), EAGAIN | c::EINTR) => bytes,
            _ => &[],
        }
    }

    /// Reads all that the pipe holds. @returns false once `said` has more than `most` bytes, `None` where memory is short
    pub fn read_into(&mut self, said: &mut Buffer, most: usize) -> Option<bool> {
        while self.read_end >= 0 {
            let fd = self.read_end;
            // SAFETY: the room is a slice.
            let got = said.fill(CHUNK, |room| unsafe { c::read(fd, room.as_mut_ptr().cast(), room.len()) })?;
            if said.bytes().len() > most {
                return Some(false);
            }
            match got {
                1.. => {}
                0 => close(&mut self.read_end),
                _ if c::errno() == c::EINTR => {}
                _ => break,
            }
        }
        Some(true)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.close();
    }
}

/// Marks all descriptors but the standard ones as not to be inherited, also those that the caller of the program left open.
pub fn inherit_nothing() {
    /// The usual limit of a process.
    const MOST: c_int = 1024;
    // SAFETY: plain numbers; a descriptor that is not open is refused.
    unsafe {
        let all = i64::from(u32::MAX);
        if c::syscall(c::SYS_CLOSE_RANGE, i64::from(FIRST_OWN), all, i64::from(c::CLOSE_RANGE_CLOEXEC)) == 0 {
            return;
        }
        for fd in FIRST_OWN..MOST {
            c::fcntl(fd, c::F_SETFD, c::FD_CLOEXEC);
        }
    }
}

fn above_standard(fd: c_int) -> c_int {
    if fd >= FIRST_OWN {
        return fd;
    }
    // SAFETY: plain numbers, and the descriptor is the caller's own.
    unsafe {
        let moved = c::fcntl(fd, c::F_DUPFD_CLOEXEC, FIRST_OWN);
        c::close(fd);
        moved
    }
}

/// Makes an end non-blocking.
fn do_not_block(fd: c_int) {
    // SAFETY: plain numbers. A new pipe has no flags that this could take away.
    unsafe { c::fcntl(fd, c::F_SETFL, c::O_NONBLOCK) };
}

fn close(fd: &mut c_int) {
    if *fd >= 0 {
        // SAFETY: the descriptor is the caller's own.
        unsafe { c::close(*fd) };
        *fd = -1;
    }
}
