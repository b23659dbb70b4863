/** Real packets between the namespaces of a test. */

import { join } from 'node:path';
import { exec, type Netns, spawnIn, tryExec } from './netns.ts';
import { patient } from './patience.ts';
import { SYSTEM_PATH } from './process.ts';

export type Protocol = 'tcp' | 'udp';

export interface PingOptions {
  /** Echo requests. Default 1. */
  readonly count?: number;
  /** Seconds to wait for the last answer. Default 2. */
  readonly timeout?: number;
  /** Payload bytes; with `dontFragment` this finds the MTU of a path. */
  readonly size?: number;
  /** Source address or interface. */
  readonly source?: string;
}

export interface Server extends Disposable {
  readonly port: number;
  stop(): void;
}

export interface Target {
  readonly address: string;
  readonly port: number;
  readonly protocol?: Protocol;
}

export interface Receiver extends Disposable {
  /** The source addresses seen so far. */
  seen(): string[];
  /** Waits until something came, at most the milliseconds given (default 2000), and returns all source addresses. */
  wait(ms?: number): Promise<string[]>;
}

const PEER = join(import.meta.dir, 'peer.ts');

/** Whether all echo requests were answered. */
export function ping(from: Netns, to: string, options: PingOptions = {}): boolean {
  const { count = 1, timeout = 2, size, source } = options;
  const flags = ['-q', '-c', String(count), '-W', String(patient(timeout))];
  if (size !== undefined) flags.push('-s', String(size));
  if (source !== undefined) flags.push('-I', source);
  const { stdout } = tryExec(from, ['busybox', 'ping', to.includes(':') ? '-6' : '-4', ...flags, to]);
  return stdout.includes(` ${count} packets received`);
}

/** Milliseconds from one echo request to its answer, as ping measures them; undefined when none comes within 3 s. */
export function roundTrip(from: Netns, to: string): number | undefined {
  const family = to.includes(':') ? '-6' : '-4';
  const { stdout } = tryExec(from, ['busybox', 'ping', family, '-c', '1', '-W', String(patient(3)), to]);
  const time = / time=([\d.]+) ms/.exec(stdout)?.[1];
  return time === undefined ? undefined : Number(time);
}

/** Pings that go on while something else happens. */
export interface SteadyPing {
  /** Ends it, and tells how many echo requests were not answered. */
  lost(): Promise<number>;
}

/** Sends an echo request every 10 ms, or as often as the machine can, once the first has been answered. */
export async function steadyPing(from: Netns, to: string): Promise<SteadyPing> {
  if (!ping(from, to)) throw new Error(`${to} does not answer at all`);
  const family = to.includes(':') ? '-6' : '-4';
  const child = spawnIn(from, ['busybox', 'ping', family, '-i', String(patient(0.01)), '-W', '1', to]);
  await Bun.sleep(patient(100));
  const lost = async () => {
    await Bun.sleep(patient(100));
    child.kill('SIGINT');
    const answered = [...(await child.stdout.text()).matchAll(/ seq=(\d+) /g)].map(([, number]) => Number(number));
    if (answered.length < 10) throw new Error(`${to} was hardly pinged at all`);
    // Requests are numbered, so what is missing before the last answer was lost; one still on its way was not.
    return Math.max(...answered) + 1 - new Set(answered).size;
  };
  return { lost };
}

/** A server that tells every client which source address it saw, on TCP and UDP, IPv4 and IPv6, the same port. */
export async function sourceServer(ns: Netns, port = 7777): Promise<Server> {
  const child = await startPeer(ns, ['serve', String(port)]);
  const stop = () => child.kill('SIGKILL');
  return { port, stop, [Symbol.dispose]: stop };
}

/** The source address that a `sourceServer` saw, or undefined when no answer came within the seconds given. */
export function seenFrom(from: Netns, target: Target, timeout = 2): string | undefined {
  const { address, port, protocol = 'tcp' } = target;
  const argv = [process.execPath, PEER, 'ask', protocol, address, String(port), String(patient(timeout * 1000))];
  const answer = exec(from, argv, { env: { PATH: SYSTEM_PATH } }).trim();
  return answer === '' ? undefined : answer;
}

export interface ReachOptions {
  /** Of a `sourceServer`. Default 7777. */
  readonly port?: number;
  /** Answers that are waited for up to 10 s, as they are returned. The lack of others is certain after one second. */
  readonly expected: readonly string[];
}

/** What answers, as `icmp ADDRESS`, `tcp ADDRESS`, `udp ADDRESS`, sorted. All is tried at once. */
export async function reached(
  from: Netns,
  addresses: readonly string[],
  { port = 7777, expected }: ReachOptions,
): Promise<string[]> {
  const found = new Set<string>();
  const child = await startPeer(from, ['reach', String(port), ...addresses], (line) => found.add(line));
  const started = Date.now();
  const isOver = () => Date.now() > started + patient(expected.every((line) => found.has(line)) ? 1000 : 10_000);
  while (!isOver() && child.exitCode === null) await Bun.sleep(20);
  if (child.exitCode !== null) throw new Error(`peer reach ended: ${await child.stderr.text()}`);
  child.kill('SIGKILL');
  return [...found].sort();
}

/** Joins a multicast group on an interface and notes who sends to it. */
export async function multicastReceiver(ns: Netns, dev: string, group: string, port = 7778): Promise<Receiver> {
  const seen: string[] = [];
  const child = await startPeer(ns, ['join', group, dev, String(port)], (line) => seen.push(line));
  const stop = () => child.kill('SIGKILL');
  const wait = async (ms = 2000) => {
    for (const end = Date.now() + patient(ms); seen.length === 0 && Date.now() < end; ) await Bun.sleep(10);
    return [...seen];
  };
  return { seen: () => [...seen], wait, [Symbol.dispose]: stop };
}

/** Sends one datagram to a multicast group out of an interface. */
export function sendMulticast(ns: Netns, dev: string, group: string, port = 7778): void {
  exec(ns, [process.execPath, PEER, 'send', group, dev, String(port)], { env: { PATH: SYSTEM_PATH } });
}

/** Starts peer.ts in the namespace, waits for its `ready`, then hands on every further line. */
async function startPeer(ns: Netns, args: string[], onLine: (line: string) => void = () => {}) {
  const child = spawnIn(ns, [process.execPath, PEER, ...args]);
  const lines = readLines(child.stdout);
  const first = await lines.next();
  if (first.value !== 'ready') throw new Error(`peer ${args.join(' ')} did not start: ${await child.stderr.text()}`);
  void (async () => {
    for await (const line of lines) onLine(line);
  })();
  return child;
}

/** The lines of a program that is running. */
export async function* readLines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string, undefined> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
}
