/** All notifications that tell of changes to a node's network: of rtnetlink, and of nf_tables where the kernel has it. */

import { ignoring } from '../attempt.ts';
import { EAFNOSUPPORT, EAGAIN, EINTR, EINVAL, EPROTONOSUPPORT } from '../sys/errno.ts';
import { closeFile } from '../sys/file.ts';
import { libc, SystemError, scratch } from '../sys/libc.ts';
import { pack } from './bytes.ts';
import { decodeMessages, type Message } from './message.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const POLLIN = 1;
const NETLINK_ROUTE = 0;
const NETLINK_NETFILTER = 12;

/** RTNLGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE, IPV4_NETCONF, IPV6_NETCONF (linux/rtnetlink.h). */
const ROUTE_GROUPS = [1, 5, 7, 9, 11, 24, 25];
/** NFNLGRP_NFTABLES (linux/netfilter/nfnetlink.h). */
const NFTABLES_GROUPS = [7];
/** What the kernel holds until it is read. A flush of a large ruleset makes some thousand notifications. */
const BUFFER_BYTES = 1024 * 1024;
/** No more is taken in at once, so that a storm does not keep the caller from anything else. */
const MOST_DATAGRAMS = 256;

export type Source = 'route' | 'nftables';

export interface Notifications {
  /** Blocks until something comes, at most so long. @returns whether something came. @throws SystemError */
  wait(ms: number): boolean;
  /**
   * Takes what has come, without blocking. @returns `lost` where notifications were lost, and `more` where there are more
   * @throws SystemError
   */
  take(see: (source: Source, message: Message) => void): { readonly lost: boolean; readonly more: boolean };
  close(): void;
}

interface Socket {
  readonly fd: number;
  readonly source: Source;
}

/** Subscribes in the current network namespace of the thread; the caller closes it. @throws SystemError */
export function openNotifications(): Notifications {
  const sockets = [subscribe('route', NETLINK_ROUTE, ROUTE_GROUPS)];
  const nftables = ignoring([EPROTONOSUPPORT, EAFNOSUPPORT, EINVAL], () =>
    subscribe('nftables', NETLINK_NETFILTER, NFTABLES_GROUPS),
  );
  if (nftables !== undefined) sockets.push(nftables);
  return {
    wait: (ms) => waitFor(sockets, ms),
    take: (see) => {
      const taken = sockets.map((socket) => takeFrom(socket, see));
      return { lost: taken.includes('lost'), more: taken.includes('more') };
    },
    close: () => {
      for (const { fd } of sockets) closeFile(fd);
    },
  };
}

function subscribe(source: Source, protocol: number, groups: readonly number[]): Socket {
  const fd = libc('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  try {
    // Without CAP_NET_ADMIN the buffer keeps its size, and overflows sooner.
    ignoringAll(() => libc('setsockopt', fd, SOL_SOCKET, SO_RCVBUFFORCE, pack([4, BUFFER_BYTES]), 4));
    // struct sockaddr_nl, by which the kernel chooses the address.
    libc('bind', fd, pack([2, AF_NETLINK], [2, 0], [4, 0], [4, 0]), 12);
    for (const group of groups) libc('setsockopt', fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, pack([4, group]), 4);
  } catch (error) {
    closeFile(fd);
    throw error;
  }
  return { fd, source };
}

/** poll(2) on all sockets: struct pollfd is a descriptor, the events asked for, and those that came. */
function waitFor(sockets: readonly Socket[], ms: number): boolean {
  const asked = pack(
    ...sockets.flatMap(
      ({ fd }) =>
        [
          [4, fd],
          [2, POLLIN],
          [2, 0],
        ] as [4 | 2, number][],
    ),
  );
  return (ignoring([EINTR], () => libc('poll', asked, sockets.length, Math.max(0, Math.ceil(ms)))) ?? 0) > 0;
}

function takeFrom({ fd, source }: Socket, see: (source: Source, message: Message) => void): 'all' | 'more' | 'lost' {
  const buffer = scratch();
  let outcome: 'all' | 'lost' = 'all';
  for (let count = 0; count < MOST_DATAGRAMS; count++) {
    try {
      const length = ignoring([EAGAIN], () => libc('recv', fd, buffer, buffer.length, MSG_DONTWAIT | MSG_TRUNC));
      if (length === undefined) return outcome;
      if (length > buffer.length) outcome = 'lost';
      // The messages are looked at before anything else is read.
      else for (const message of decodeMessages(buffer.subarray(0, length))) see(source, message);
    } catch (error) {
      // ENOBUFS: the buffer overflowed.
      if (!(error instanceof SystemError)) throw error;
      if (error.errno !== EINTR) outcome = 'lost';
    }
  }
  return outcome === 'lost' ? 'lost' : 'more';
}

function ignoringAll(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
  }
}
