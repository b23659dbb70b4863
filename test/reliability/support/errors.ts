/** Errors that a system call may give (its manual page, or the kernel's source), other than those that mean an answer. */

import type { SystemCall } from './calls.ts';

const ERRORS: Readonly<Record<string, readonly string[]>> = {
  openat: ['EACCES', 'EMFILE', 'ENOMEM', 'EIO', 'EINTR', 'EPERM'],
  read: ['EIO', 'EINTR', 'ENOMEM', 'EPERM'],
  write: ['ENOSPC', 'EIO', 'EINTR', 'EPERM', 'ENOMEM'],
  close: ['EIO', 'EINTR', 'ENOSPC'],
  statx: ['EACCES', 'EIO', 'ENOMEM'],
  fstatfs: ['EIO', 'ENOMEM', 'EINTR'],
  getdents64: ['EIO', 'ENOMEM'],
  flock: ['EINTR', 'EIO', 'ENOMEM'],
  mkdir: ['ENOSPC', 'EACCES', 'EIO', 'EPERM', 'ENOMEM'],
  rename: ['ENOSPC', 'EACCES', 'EIO', 'EPERM', 'ENOMEM'],
  link: ['ENOSPC', 'EACCES', 'EIO', 'EPERM', 'ENOMEM'],
  unlink: ['EACCES', 'EIO', 'EPERM', 'ENOMEM'],
  utimensat: ['EACCES', 'EIO', 'EPERM'],
  ftruncate: ['EIO', 'EPERM', 'EINTR'],
  socket: ['EMFILE', 'ENOBUFS', 'ENOMEM', 'EACCES', 'EPERM'],
  setsockopt: ['ENOMEM', 'EPERM', 'ENOBUFS'],
  setns: ['EPERM', 'ENOMEM'],
  fsopen: ['ENOSYS', 'EPERM', 'EMFILE', 'ENOMEM'],
  fsconfig: ['EPERM', 'ENOMEM'],
  fsmount: ['EPERM', 'EMFILE', 'ENOMEM'],
  sendto: ['ENOBUFS', 'ENOMEM', 'EPERM', 'EACCES', 'EINTR'],
  recvfrom: ['ENOBUFS', 'ENOMEM', 'EINTR', 'EIO'],
};

/** What only the engine calls, once our program runs; and what it calls before that. */
const ENGINE_ERRORS: Readonly<Record<string, readonly string[]>> = {
  mmap: ['ENOMEM'],
  munmap: ['ENOMEM'],
  mprotect: ['ENOMEM'],
  madvise: ['ENOMEM'],
  brk: ['ENOMEM'],
  clone3: ['EAGAIN'],
  newfstatat: ['EIO'],
  pread64: ['EIO'],
  open: ['EMFILE'],
  getrandom: ['EINTR'],
  sysinfo: ['EPERM'],
  prctl: ['EPERM'],
  prlimit64: ['EPERM'],
  fcntl: ['EMFILE'],
  sched_getaffinity: ['EPERM'],
  rt_sigaction: ['EPERM'],
  rt_sigprocmask: ['EPERM'],
};

/** The errors of a call of ours; none for one that only the engine makes. */
export function errorsOf({ name, isOwn }: SystemCall): readonly string[] {
  return isOwn ? (ERRORS[name] ?? []) : [];
}

/** One error each of a call of the engine's. */
export function engineErrorsOf({ name, isOwn }: SystemCall): readonly string[] {
  return ENGINE_ERRORS[name] ?? (isOwn ? [] : (ERRORS[name] ?? []).slice(0, 1));
}
