/** Netlink sockets. One stays bound to the network namespace it was opened in. */

import { EAGAIN, EINTR, ENOBUFS } from '../sys/errno.ts';
import { closeFile } from '../sys/file.ts';
import { libc, SystemError, scratch } from '../sys/libc.ts';
import { pack } from './bytes.ts';
import { KernelError } from './error.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const MSG_TRUNC = 0x20;

/** Protocols (linux/netlink.h). */
const PROTOCOLS = { route: 0, netfilter: 12 } as const;
/** Extended acks, without quoting whole requests back, and dumps filtered by the kernel (linux/netlink.h). */
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const ANSWER_MS = 10_000;
const ATTEMPTS = 8;
/** A message of the type NLMSG_NOOP, which the kernel passes over. */
const NOTHING = pack([4, 16], [2, 1], [2, 0], [4, 0], [4, 0]);

/** Something that datagrams go into and come out of: a socket, or in tests a function that plays the kernel. */
export interface Transport {
  send(datagram: Uint8Array): void;
  receive(): Uint8Array;
  close(): void;
}

/** Opens a socket in the thread's current network namespace. @throws SystemError */
export function openSocket(protocol: keyof typeof PROTOCOLS): Transport {
  const fd = libc('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, PROTOCOLS[protocol]);
  libc('setsockopt', fd, SOL_SOCKET, SO_RCVTIMEO, timeval(ANSWER_MS), 16);
  for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) enable(fd, option);
  return {
    send: (datagram) => {
      retrying(() => libc('send', fd, datagram, datagram.length, 0), EINTR, ENOBUFS);
    },
    receive: () => receive(fd, scratch()),
    close: () => closeFile(fd),
  };
}

/** Groups of notifications (linux/rtnetlink.h). */
const GROUPS = { link: 1, ipv6Address: 9, ipv6Route: 11 } as const;

/** A socket that gets the kernel's notifications of changes. */
export interface Watch {
  /**
   * Blocks until the next datagram of notifications comes. @returns undefined when none came in time
   * @throws KernelError; ENOBUFS where notifications were lost
   */
  next(withinMs: number): Uint8Array | undefined;
  close(): void;
}

/**
 * Opens a socket in the thread's network namespace that is notified of each change of what is named; of links and bridge ports
 * alike by `link`. @throws KernelError
 */
export function openWatch(...groups: readonly (keyof typeof GROUPS)[]): Watch {
  return watching(() => {
    const fd = libc('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, PROTOCOLS.route);
    try {
      for (const group of groups) subscribe(fd, GROUPS[group]);
      // A socket without an address is notified of nothing (do_one_broadcast); it gets one with the first message that it sends.
      libc('send', fd, NOTHING, NOTHING.length, 0);
    } catch (error) {
      closeFile(fd);
      throw error;
    }
    return { next: (withinMs) => watching(() => receiveWithin(fd, withinMs)), close: () => closeFile(fd) };
  });
}

function subscribe(fd: number, group: number): void {
  libc('setsockopt', fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, pack([4, group]), 4);
}

function receiveWithin(fd: number, ms: number): Uint8Array | undefined {
  libc('setsockopt', fd, SOL_SOCKET, SO_RCVTIMEO, timeval(ms), 16);
  try {
    return receive(fd, scratch());
  } catch (error) {
    if (error instanceof SystemError && error.errno === EAGAIN) return undefined;
    throw error;
  }
}

function watching<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw error instanceof SystemError ? new KernelError('watch what the kernel changes', error.errno) : error;
  }
}

function receive(fd: number, buffer: Uint8Array): Uint8Array {
  const length = retrying(() => libc('recv', fd, buffer, buffer.length, MSG_TRUNC), EINTR);
  if (length > buffer.length) throw new Error(`a netlink answer of ${length} bytes is larger than the buffer`);
  return buffer.slice(0, length);
}

/** Options that an old kernel lacks are done without: messages say less, and dumps are filtered here as well. */
function enable(fd: number, option: number): void {
  try {
    libc('setsockopt', fd, SOL_NETLINK, option, pack([4, 1]), 4);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
  }
}

function retrying(call: () => number, ...passing: number[]): number {
  for (let attempt = 1; ; attempt++) {
    try {
      return call();
    } catch (error) {
      const passes = error instanceof SystemError && passing.includes(error.errno) && attempt < ATTEMPTS;
      if (!passes) throw error;
    }
  }
}

/** struct timeval: seconds and microseconds, two 64-bit integers. Zero would mean no limit. */
function timeval(ms: number): Uint8Array {
  const whole = Math.max(1, Math.ceil(ms));
  return pack([4, Math.floor(whole / 1000)], [4, 0], [4, (whole % 1000) * 1000], [4, 0]);
}
