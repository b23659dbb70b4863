/** The sockets that send a probe and see what comes back. Both stay bound to the network namespace in which they were opened. */

import { ipToBytes } from '../../address/ip.ts';
import { ignoring, retrying } from '../../attempt.ts';
import { EAGAIN, EINTR } from '../../sys/errno.ts';
import { closeFile } from '../../sys/file.ts';
import { libc, scratch } from '../../sys/libc.ts';
import { concat, pack } from '../bytes.ts';
import { encodeProbe, type Probe, protocolNumber } from './packet.ts';

const AF = { 4: 2, 6: 10 } as const;
const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
/** In network order. */
const ETH_P_ALL = 0x0300;
const POLLIN = 1;
const ATTEMPTS = 8;

/** Something that packets come out of. */
export interface Receiver {
  readonly fd: number;
  /** The next packet; undefined where there is none now. @throws SystemError */
  next(): Uint8Array | undefined;
  close(): void;
}

interface ProbeSocket extends Receiver {
  /** @throws SystemError, such as ENETUNREACH and EHOSTUNREACH */
  send(): void;
}

/**
 * Opens a raw socket (raw(7)) for the probe in the thread's current network namespace. What comes out are IP packets; of IPv6
 * the kernel hands out only what stands behind the header, so that the addresses in it are unspecified. @throws SystemError
 */
export function openProbeSocket(probe: Probe): ProbeSocket {
  const { family } = probe.source;
  const fd = libc('socket', AF[family], SOCK_RAW | NONBLOCK_CLOEXEC, protocolNumber(probe));
  const packet = encodeProbe(probe);
  const to = addressOf(probe);
  const inner = receiver(fd);
  const next = () => {
    const rest = inner.next();
    return rest === undefined || family === 4 ? rest : concat([headerBefore(rest, protocolNumber(probe)), rest]);
  };
  return {
    ...inner,
    next,
    send: () => void retrying([EINTR], ATTEMPTS, () => libc('sendto', fd, packet, packet.length, 0, to, to.length)),
  };
}

/**
 * Opens a packet socket (packet(7)) on an interface, which sees all IP packets that go out and come in there, before any filter.
 * @throws SystemError
 */
export function openTap(index: number): Receiver {
  const fd = libc('socket', AF_PACKET, SOCK_DGRAM | NONBLOCK_CLOEXEC, 0);
  try {
    // struct sockaddr_ll: family, protocol, interface; type, packet type, length and address of the hardware.
    const address = concat([pack([2, AF_PACKET], [2, ETH_P_ALL], [4, index]), new Uint8Array(12)]);
    libc('bind', fd, address, address.length);
    return receiver(fd);
  } catch (error) {
    closeFile(fd);
    throw error;
  }
}

/** Blocks until one of the descriptors can be read, at most so long. @throws SystemError */
export function awaitReadable(descriptors: readonly number[], withinMs: number): void {
  // struct pollfd: descriptor, events, what happened.
  const set = concat(descriptors.map((fd) => pack([4, fd], [2, POLLIN], [2, 0])));
  ignoring([EINTR], () => libc('poll', set, descriptors.length, Math.max(0, Math.ceil(withinMs))));
}

function receiver(fd: number): Receiver {
  return {
    fd,
    next: () => ignoring([EAGAIN], () => receive(fd)),
    close: () => closeFile(fd),
  };
}

function receive(fd: number): Uint8Array {
  const buffer = scratch();
  const length = retrying([EINTR], ATTEMPTS, () => libc('recv', fd, buffer, buffer.length, 0));
  return buffer.slice(0, length);
}

/** A header of IPv6 with the length and the protocol alone. */
function headerBefore(rest: Uint8Array, protocol: number): Uint8Array {
  const header = new Uint8Array(40);
  header.set([6 << 4, 0, 0, 0, rest.length >> 8, rest.length & 0xff, protocol]);
  return header;
}

/** struct sockaddr_in and sockaddr_in6; a raw socket has no port. */
function addressOf({ destination }: Probe): Uint8Array {
  const bytes = ipToBytes(destination);
  if (destination.family === 4) return concat([pack([2, AF[4]], [2, 0]), bytes, new Uint8Array(8)]);
  return concat([pack([2, AF[6]], [2, 0], [4, 0]), bytes, pack([4, 0])]);
}
