/** Netlink sockets. One stays bound to the network namespace it was opened in. */

import { EINTR, ENOBUFS } from '../sys/errno.ts';
import { closeFile } from '../sys/file.ts';
import { libc, SystemError, scratch } from '../sys/libc.ts';
import { pack } from './bytes.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const MSG_TRUNC = 0x20;

/** Protocols (linux/netlink.h). */
const PROTOCOLS = { route: 0, netfilter: 12 } as const;
/** Extended acks, without quoting whole requests back, and dumps filtered by the kernel (linux/netlink.h). */
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const ANSWER_SECONDS = 10;
const ATTEMPTS = 8;

/** Something that datagrams go into and come out of: a socket, or in tests a function that plays the kernel. */
export interface Transport {
  send(datagram: Uint8Array): void;
  receive(): Uint8Array;
  close(): void;
}

/** Opens a socket in the thread's current network namespace. @throws SystemError */
export function openSocket(protocol: keyof typeof PROTOCOLS): Transport {
  const fd = libc('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, PROTOCOLS[protocol]);
  libc('setsockopt', fd, SOL_SOCKET, SO_RCVTIMEO, timeval(ANSWER_SECONDS), 16);
  for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) enable(fd, option);
  return {
    send: (datagram) => {
      retrying(() => libc('send', fd, datagram, datagram.length, 0), EINTR, ENOBUFS);
    },
    receive: () => receive(fd, scratch()),
    close: () => closeFile(fd),
  };
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

/** struct timeval: two 64-bit integers. */
function timeval(seconds: number): Uint8Array {
  return pack([4, seconds], [4, 0], [4, 0], [4, 0]);
}
