/** Netlink sockets, each of which stays bound to the network namespace in which it was opened. */

import { ignoring, retrying } from '../attempt.ts';
import { EAGAIN, EINTR, ENOBUFS } from '../sys/errno.ts';
import { closeFile } from '../sys/file.ts';
import { libc, SystemError, scratch } from '../sys/libc.ts';
import { pack } from './bytes.ts';
import { KernelError } from './error.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x80000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const MSG_TRUNC = 0x20;

/** Protocols (linux/netlink.h). */
const PROTOCOLS = { route: 0, netfilter: 12 } as const;
/** Options (linux/netlink.h): errors quote the header of a request alone; errors are explained; the kernel filters dumps. */
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const ANSWER_MS = 10_000;
const ATTEMPTS = 8;
/** A message of the type NLMSG_NOOP, which the kernel passes over. */
const NOOP = pack([4, 16], [2, 1], [2, 0], [4, 0], [4, 0]);

/** Groups of notifications (linux/rtnetlink.h). */
const GROUPS = { link: 1, ipv6Address: 9, ipv6Route: 11 } as const;

/** The group of traces (linux/netfilter/nfnetlink.h), and room for those of a few packets in a thousand rules. */
const NFNLGRP_NFTRACE = 9;
const TRACE_BUFFER = 4 * 1024 * 1024;

/** What datagrams go into and come out of: a socket, or in tests a function that plays the kernel. */
export interface Transport {
  send(datagram: Uint8Array): void;
  receive(): Uint8Array;
  close(): void;
}

/** A socket that gets the kernel's notifications of changes. */
export interface Watch {
  /**
   * Blocks until the next datagram of notifications comes. @returns undefined when none came in time
   * @throws KernelError; ENOBUFS where notifications were lost
   */
  next(withinMs: number): Uint8Array | undefined;
  close(): void;
}

/** Opens a socket in the thread's current network namespace. @throws SystemError */
export function openSocket(protocol: keyof typeof PROTOCOLS): Transport {
  const fd = libc('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, PROTOCOLS[protocol]);
  libc('setsockopt', fd, SOL_SOCKET, SO_RCVTIMEO, timeval(ANSWER_MS), 16);
  for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) enable(fd, option);
  return {
    send: (datagram) => {
      retrying([EINTR, ENOBUFS], ATTEMPTS, () => libc('send', fd, datagram, datagram.length, 0));
    },
    receive: () => receive(fd, scratch()),
    close: () => closeFile(fd),
  };
}

/**
 * Opens a socket in the current network namespace of the thread, to which the kernel sends a notification of each change in
 * the groups; `link` is about links and bridge ports alike. @throws KernelError
 */
export function openWatch(...groups: readonly (keyof typeof GROUPS)[]): Watch {
  return watching(() => {
    const fd = libc('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, PROTOCOLS.route);
    try {
      for (const group of groups) subscribe(fd, GROUPS[group]);
      // A socket without an address is notified of nothing (do_one_broadcast); it gets one with the first message that it
      // sends.
      libc('send', fd, NOOP, NOOP.length, 0);
    } catch (error) {
      closeFile(fd);
      throw error;
    }
    return { next: (withinMs) => watching(() => receiveWithin(fd, withinMs)), close: () => closeFile(fd) };
  });
}

/** A socket that gets what nf_tables tells of traced packets. */
interface TraceSocket {
  readonly fd: number;
  /** The next datagram; undefined where there is none now, or where some were lost. @throws SystemError */
  next(): Uint8Array | undefined;
  close(): void;
}

/** Opens a socket for the traces of nf_tables in the thread's current network namespace. @throws KernelError */
export function openTraceSocket(): TraceSocket {
  return watching(() => {
    const fd = libc('socket', AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, PROTOCOLS.netfilter);
    try {
      libc('setsockopt', fd, SOL_SOCKET, SO_RCVBUFFORCE, pack([4, TRACE_BUFFER]), 4);
      subscribe(fd, NFNLGRP_NFTRACE);
      libc('send', fd, NOOP, NOOP.length, 0);
    } catch (error) {
      closeFile(fd);
      throw error;
    }
    const next = () => ignoring([EAGAIN, ENOBUFS], () => receive(fd, scratch()));
    return { fd, next, close: () => closeFile(fd) };
  });
}

function subscribe(fd: number, group: number): void {
  libc('setsockopt', fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, pack([4, group]), 4);
}

/** @returns undefined where nothing comes in time. @throws SystemError */
function receiveWithin(fd: number, ms: number): Uint8Array | undefined {
  libc('setsockopt', fd, SOL_SOCKET, SO_RCVTIMEO, timeval(ms), 16);
  return ignoring([EAGAIN], () => receive(fd, scratch()));
}

/** Runs `act`; a SystemError becomes a KernelError. */
function watching<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw error instanceof SystemError ? new KernelError('watch what the kernel changes', error.errno) : error;
  }
}

function receive(fd: number, buffer: Uint8Array): Uint8Array {
  const length = retrying([EINTR], ATTEMPTS, () => libc('recv', fd, buffer, buffer.length, MSG_TRUNC));
  if (length > buffer.length) throw new Error(`a netlink answer of ${length} bytes is larger than the buffer`);
  return buffer.slice(0, length);
}

/** Turns an option on. A kernel that lacks it says less in its messages, and its dumps are filtered here as well. */
function enable(fd: number, option: number): void {
  try {
    libc('setsockopt', fd, SOL_NETLINK, option, pack([4, 1]), 4);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
  }
}

/** struct timeval: seconds and microseconds, two 64-bit integers. Zero would mean no limit. */
function timeval(ms: number): Uint8Array {
  const whole = Math.max(1, Math.ceil(ms));
  return pack([4, Math.floor(whole / 1000)], [4, 0], [4, (whole % 1000) * 1000], [4, 0]);
}
