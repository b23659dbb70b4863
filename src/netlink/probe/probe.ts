/**
 * Probes: echo requests and connections, any number at a time, each from the network namespace in which it was begun. A caller
 * begins them inside (`beginProbes`), and waits for all of them together (`awaitProbes`).
 */

import { type Family, formatIp, type Ip } from '../../address/ip.ts';
import { ignoring } from '../../attempt.ts';
import { monotonicMs } from '../../sys/clock.ts';
import {
  EACCES,
  EAGAIN,
  ECONNREFUSED,
  EHOSTUNREACH,
  EINPROGRESS,
  EINTR,
  ENETUNREACH,
  EPERM,
  ETIMEDOUT,
  errnoText,
} from '../../sys/errno.ts';
import { closeFile } from '../../sys/file.ts';
import { libc, SystemError, scratch } from '../../sys/libc.ts';
import { pack, readI32le } from '../bytes.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../conntrack/flow.ts';
import { afOf } from '../route/address.ts';
import { decodeIcmp, encodeEchoRequest, type IcmpAnswer } from './icmp.ts';
import { type Polled, pollReady } from './poll.ts';
import { encodeSocketAddress } from './sockaddr.ts';

/** Where a probe goes: an echo request to the address, or with a port a TCP connection. */
export interface ProbeTarget {
  readonly ip: Ip;
  readonly port?: number | undefined;
  /** The index of the interface, for a link-local IPv6 address. */
  readonly link?: number | undefined;
}

/** How a probe ended. */
export type ProbeOutcome =
  | { readonly kind: 'answered' }
  /** The container has no route to the address. */
  | { readonly kind: 'no route' }
  /** Nothing listens at the port. */
  | { readonly kind: 'refused' }
  /** An ICMP error, or the kernel inside, says why; `text` is a clause. */
  | { readonly kind: 'rejected'; readonly text: string }
  | { readonly kind: 'no answer' };

/** A probe on its way, or ended. */
export interface Probe {
  readonly target: ProbeTarget;
  outcome: ProbeOutcome | undefined;
}

interface Waiting extends Polled {
  /** Ended where every probe of the socket is. */
  isDone(): boolean;
  onReady(): void;
}

/** Probes of one network namespace. */
export interface ProbeSet {
  readonly probes: readonly Probe[];
  readonly sockets: readonly Waiting[];
}

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const PROTOCOL: Record<Family, number> = { 4: IPPROTO_ICMP, 6: IPPROTO_ICMPV6 };
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const ICMP_ADMIN_CODES: Record<Family, readonly number[]> = { 4: [9, 10, 13], 6: [1, 5] };

/**
 * Sends an echo request or begins a connection to each target, in the current network namespace of the thread. The caller
 * closes the set. @throws SystemError where the kernel gives no socket for ICMP
 */
export function beginProbes(targets: readonly ProbeTarget[]): ProbeSet {
  const probes = targets.map((target): Probe => ({ target, outcome: undefined }));
  const sockets: Waiting[] = [];
  try {
    for (const family of [4, 6] as const) {
      const echoes = probes.filter(({ target }) => target.ip.family === family && target.port === undefined);
      if (echoes.length > 0) sockets.push(sendEchoes(family, echoes));
    }
    for (const probe of probes.filter(({ target }) => target.port !== undefined)) sockets.push(connectTo(probe));
    return { probes, sockets };
  } catch (error) {
    closeProbes({ probes, sockets });
    throw error;
  }
}

/** Waits until every probe of the sets has ended; those that have not after `withinMs` end with `no answer`. */
export function awaitProbes(sets: readonly ProbeSet[], withinMs: number): void {
  const deadline = monotonicMs() + withinMs;
  for (;;) {
    const waiting = sets.flatMap(({ sockets }) => sockets.filter((socket) => !socket.isDone()));
    const left = deadline - monotonicMs();
    if (waiting.length === 0 || left <= 0) break;
    for (const socket of pollReady(waiting, left)) socket.onReady();
  }
  for (const probe of sets.flatMap(({ probes }) => probes)) probe.outcome ??= { kind: 'no answer' };
}

export function closeProbes({ sockets }: ProbeSet): void {
  for (const { fd } of sockets) closeFile(fd);
}

/** One socket for all echo requests of a family: a raw one, or a ping socket (icmp(7)) where a raw one is refused. */
function sendEchoes(family: Family, probes: readonly Probe[]): Waiting {
  const { fd, isRaw } = openEchoSocket(family);
  const id = Math.floor(Math.random() * 0x1_0000);
  for (const [sequence, probe] of probes.entries()) {
    const { ip, link } = probe.target;
    const request = encodeEchoRequest(family, { id, sequence });
    const to = encodeSocketAddress(ip, 0, link);
    probe.outcome = refusalOf(() => libc('sendto', fd, request, request.length, 0, to, to.length));
  }
  const take = (answer: IcmpAnswer | undefined) => {
    if (answer === undefined || (isRaw && answer.id !== id)) return;
    const probe = probes[answer.sequence];
    if (probe !== undefined) probe.outcome ??= outcomeOf(family, answer);
  };
  return {
    fd,
    isWriting: false,
    isDone: () => probes.every(({ outcome }) => outcome !== undefined),
    onReady: () => {
      for (let bytes = receive(fd); bytes !== undefined; bytes = receive(fd))
        take(decodeIcmp(family, bytes, isRaw && family === 4));
    },
  };
}

function openEchoSocket(family: Family): { readonly fd: number; readonly isRaw: boolean } {
  const open = (type: number) => libc('socket', afOf(family), type | SOCK_NONBLOCK | SOCK_CLOEXEC, PROTOCOL[family]);
  const raw = ignoring([EPERM, EACCES], () => open(SOCK_RAW));
  return raw === undefined ? { fd: open(SOCK_DGRAM), isRaw: false } : { fd: raw, isRaw: true };
}

function connectTo(probe: Probe): Waiting {
  const { ip, port, link } = probe.target;
  const fd = libc('socket', afOf(ip.family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const to = encodeSocketAddress(ip, port, link);
  probe.outcome = refusalOf(() => ignoring([EINPROGRESS], () => libc('connect', fd, to, to.length)));
  return {
    fd,
    isWriting: true,
    isDone: () => probe.outcome !== undefined,
    onReady: () => {
      const error = new Uint8Array(4);
      libc('getsockopt', fd, SOL_SOCKET, SO_ERROR, error, pack([4, 4]));
      const errno = readI32le(error);
      probe.outcome = errno === 0 ? { kind: 'answered' } : outcomeOfErrno(errno);
    },
  };
}

/** One datagram; undefined where none waits, or an error does. */
function receive(fd: number): Uint8Array | undefined {
  const buffer = scratch();
  try {
    const length = ignoring([EAGAIN, EINTR], () => libc('recv', fd, buffer, buffer.length, 0));
    return length === undefined ? undefined : buffer.slice(0, length);
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}

/** How a probe ended that the kernel inside refused at once; undefined for one that is on its way. */
function refusalOf(act: () => unknown): ProbeOutcome | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return outcomeOfErrno(error.errno);
  }
}

function outcomeOfErrno(errno: number): ProbeOutcome {
  if (errno === ENETUNREACH) return { kind: 'no route' };
  if (errno === ECONNREFUSED) return { kind: 'refused' };
  if (errno === EHOSTUNREACH || errno === ETIMEDOUT) return { kind: 'no answer' };
  const text = errno === EPERM ? 'a packet filter in the container drops it' : errnoText(errno);
  return { kind: 'rejected', text };
}

function outcomeOf(family: Family, answer: IcmpAnswer): ProbeOutcome {
  if (answer.kind === 'reply') return { kind: 'answered' };
  const { from, type, code } = answer;
  const who = from === undefined ? 'a host on the way' : formatIp(from);
  const isUnreachable = type === (family === 4 ? 3 : 1);
  if (isUnreachable && ICMP_ADMIN_CODES[family].includes(code)) {
    return { kind: 'rejected', text: `${who} says that a packet filter forbids it` };
  }
  return { kind: 'rejected', text: `${who} answers with the ICMP error ${type}, code ${code}` };
}
