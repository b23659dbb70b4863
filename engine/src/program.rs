//! Running another program to its end: its input and both outputs through pipes, with a deadline and a limit.

use crate::buffer::Buffer;
use crate::c::{self, Pollfd, Siginfo, Sigset, SpawnActions, SpawnAttributes};
use crate::clock::monotonic_ms;
use crate::js::{argument, Js, Thrown, Value};
use crate::pipe::{inherit_nothing, Pipe};
use core::ffi::{c_char, c_int};
use core::ptr;

/// Without a pidfd (before Linux 5.3), the interval at which `talk` looks whether the program has ended.
const LOOK_EVERY_MS: i64 = 5;

/// `run(file, args, env, input, deadlineMs, mostBytes)`. The first is a path, the next two are lists, all as bytes: each
/// string ends in a NUL. The program gets this environment and no other, the current directory, a process group of its
/// own, and no descriptor but its three pipes. The whole group is killed when the deadline passes, when the program writes
/// more than `mostBytes` to either output, and when it has ended.
///
/// @returns `{ error }` with an errno where it did not start; else `{ status, signal, timedOut, saidTooMuch, stdout,
/// stderr }`, of which `signal` is 0 unless a signal ended it
pub fn run(js: Js, arguments: &[Value]) -> Result<Value, Thrown> {
    let bytes = |at| js.bytes_of(argument(arguments, at)).map(|bytes| &*bytes);
    let (file, input) = (bytes(0)?, bytes(3)?);
    if file.last() != Some(&0) {
        return Err(js.throw(c"run: the path does not end in a NUL"));
    }
    let (argv, envp) = (strings(js, bytes(1)?)?, strings(js, bytes(2)?)?);
    let deadline = monotonic_ms() + js.integer(argument(arguments, 4))?.clamp(0, i64::from(i32::MAX));
    let most = js.integer(argument(arguments, 5))?.max(0) as usize;
    let result = js.object()?;
    match start(file, &argv, &envp) {
        Err(errno) => js.set(result, c"error", js.number(errno.into()))?,
        Ok(mut running) => {
            let talked = running.talk(input, deadline, most);
            let status = running.end();
            let outcome = talked.ok_or_else(|| js.out_of_memory())?;
            js.set(result, c"status", js.number(f64::from(status >> 8 & 0xff)))?;
            js.set(result, c"signal", js.number(f64::from(status & 0x7f)))?;
            js.set(result, c"timedOut", js.boolean(outcome == Outcome::TimedOut))?;
            js.set(result, c"saidTooMuch", js.boolean(outcome == Outcome::SaidTooMuch))?;
            for (name, output) in [(c"stdout", &running.outputs[0]), (c"stderr", &running.outputs[1])] {
                js.set(result, name, js.bytes(&output.said.bytes()[..output.said.bytes().len().min(most)])?)?;
            }
        }
    }
    Ok(result)
}

#[derive(PartialEq)]
enum Outcome {
    Ended,
    TimedOut,
    SaidTooMuch,
}

struct Output {
    pipe: Pipe,
    said: Buffer,
}

struct Running {
    pid: c_int,
    /// -1 where the kernel has none.
    pidfd: c_int,
    input: Pipe,
    outputs: [Output; 2],
}

fn start(file: &[u8], argv: &Buffer, envp: &Buffer) -> Result<Running, c_int> {
    let (mut input, mut stdout, mut stderr) = (Pipe::new()?, Pipe::new()?, Pipe::new()?);
    inherit_nothing();
    let (mut actions, mut attributes, mut all) = (SpawnActions::zeroed(), SpawnAttributes::zeroed(), Sigset::zeroed());
    let flags = c::POSIX_SPAWN_SETPGROUP | c::POSIX_SPAWN_SETSIGDEF | c::POSIX_SPAWN_SETSIGMASK;
    let mut pid = 0;
    // SAFETY: structures of zeros are what musl's _init functions make; the file ends in a NUL, and both lists of C
    // strings in null.
    let error = unsafe {
        c::sigfillset(&mut all);
        c::posix_spawnattr_setflags(&mut attributes, flags);
        c::posix_spawnattr_setsigdefault(&mut attributes, &all);
        let ends = [input.read_end, stdout.write_end, stderr.write_end];
        let added = ends.iter().zip(0..).map(|(&end, to)| c::posix_spawn_file_actions_adddup2(&mut actions, end, to));
        let failed = added.filter(|&error| error != 0).last();
        let (argv, envp) = (argv.bytes().as_ptr().cast(), envp.bytes().as_ptr().cast());
        let error =
            failed.unwrap_or_else(|| c::posix_spawn(&mut pid, file.as_ptr().cast(), &actions, &attributes, argv, envp));
        c::posix_spawn_file_actions_destroy(&mut actions);
        error
    };
    if error != 0 {
        return Err(error);
    }
    input.keep_write_end();
    stdout.keep_read_end();
    stderr.keep_read_end();
    // SAFETY: plain numbers.
    let pidfd = unsafe { c::syscall(c::SYS_PIDFD_OPEN, i64::from(pid), 0i64) } as c_int;
    let outputs = [stdout, stderr].map(|pipe| Output { pipe, said: Buffer::new() });
    Ok(Running { pid, pidfd, input, outputs })
}

impl Running {
    /// Writes the input and reads the outputs until the program ends, or is to be ended; `None` where memory is short.
    fn talk(&mut self, mut input: &[u8], deadline: i64, most: usize) -> Option<Outcome> {
        loop {
            if input.is_empty() {
                self.input.close();
            }
            let left = deadline - monotonic_ms();
            if left <= 0 {
                return Some(Outcome::TimedOut);
            }
            self.wait(if self.pidfd < 0 { left.min(LOOK_EVERY_MS) } else { left });
            let has_ended = self.has_ended(); // read first: what an ended program wrote is in the pipes
            input = self.input.write(input);
            for output in &mut self.outputs {
                if !output.pipe.read_into(&mut output.said, most)? {
                    return Some(Outcome::SaidTooMuch);
                }
            }
            if has_ended {
                return Some(Outcome::Ended);
            }
        }
    }

    /// Blocks until something can be read or written, the program has ended, or `ms` milliseconds have passed. A closed end
    /// is -1, which poll(2) leaves out.
    fn wait(&self, ms: i64) {
        let entry = |fd, events| Pollfd { fd, events, revents: 0 };
        let [stdout, stderr] = &self.outputs;
        let mut set = [
            entry(self.input.write_end, c::POLLOUT),
            entry(stdout.pipe.read_end, c::POLLIN),
            entry(stderr.pipe.read_end, c::POLLIN),
            entry(self.pidfd, c::POLLIN),
        ];
        // SAFETY: the set is a local array of that length.
        unsafe { c::poll(set.as_mut_ptr(), set.len() as u64, ms as c_int) };
    }

    /// Whether the program has ended. It is not reaped, so that no other process can get its ID or that of its group.
    fn has_ended(&self) -> bool {
        let mut info = Siginfo::zeroed();
        let options = c::WEXITED | c::WNOHANG | c::WNOWAIT;
        // SAFETY: the structure is a local one, and as large as the kernel's.
        unsafe { c::waitid(c::P_PID, self.pid, &mut info, options) == 0 && info.signal() != 0 }
    }

    /// Kills what is left of the group, reaps the program, and returns the status of wait(2).
    fn end(&mut self) -> c_int {
        let mut status = 0;
        // SAFETY: the process has not been reaped yet, so the group is its own.
        unsafe {
            c::kill(-self.pid, c::SIGKILL);
            while c::waitpid(self.pid, &mut status, 0) < 0 && c::errno() == c::EINTR {}
            if self.pidfd >= 0 {
                c::close(self.pidfd);
            }
        }
        status
    }
}

/// Pointers to the strings, with null behind them.
fn strings(js: Js, bytes: &[u8]) -> Result<Buffer, Thrown> {
    let mut pointers = Buffer::new();
    let mut push = |pointer: *const c_char| {
        let pushed = pointers.push(&(pointer as usize).to_ne_bytes());
        pushed.ok_or_else(|| js.out_of_memory())
    };
    for string in bytes.split_inclusive(|&byte| byte == 0) {
        if string.last() != Some(&0) {
            return Err(js.throw(c"run: a string does not end in a NUL"));
        }
        push(string.as_ptr().cast())?;
    }
    push(ptr::null())?;
    Ok(pointers)
}
