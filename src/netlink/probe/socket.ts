/** The sockets that send a probe and see what comes back. Both stay bound to the network namespace in which they were opened. */

import { ignoring, retrying } from '../../attempt.ts';
import { EAGAIN, EINTR } from '../../sys/errno.ts';
import { closeFile } from '../../sys/file.ts';
import { libc, scratch } from '../../sys/libc.ts';
import { concat, pack } from '../bytes.ts';
import { afOf } from '../route/address.ts';
import { encodeProbe, type Probe, protocolNumber } from './packet.ts';
import { encodeSocketAddress } from './sockaddr.ts';

const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
/** In network order. */
const ETH_P_ALL = 0x0300;
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
  const fd = libc('socket', afOf(family), SOCK_RAW | NONBLOCK_CLOEXEC, protocolNumber(probe));
  const packet = encodeProbe(probe);
  const to = encodeSocketAddress(probe.destination); // a raw socket has no port
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
