/** Ethernet frames as a test makes them, whoever they say they are from. */

import { join } from 'node:path';
import { exec, type Netns, spawnIn } from './netns.ts';
import { SYSTEM_PATH } from './process.ts';
import { readLines } from './traffic.ts';

export interface FrameReceiver extends Disposable {
  /** The source MACs seen so far. */
  seen(): string[];
  /** Waits until there is one from that MAC, at most the milliseconds given (default 2000). */
  sees(mac: string, ms?: number): Promise<boolean>;
}

export interface Advertisement {
  /** The router's MAC, from which its link-local address is made. */
  readonly mac: string;
  /** A /64 to make addresses of. */
  readonly prefix: string;
  /** Seconds for which it is a default router. */
  readonly lifetime?: number;
}

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';
/** IEEE 802, for local experiments: nothing in the kernel listens to it. */
const EXPERIMENT = '88b5';
const PROGRAM = join(import.meta.dir, 'raw-socket.ts');

/** Sends a frame of an EtherType that nobody uses. */
export function sendFrame(from: Netns, dev: string, source: string, destination = BROADCAST): void {
  send(from, dev, `${hexOf(destination)}${hexOf(source)}${EXPERIMENT}`.padEnd(120, '0'));
}

/** Notes who sends frames of that EtherType to an interface. */
export async function frameReceiver(ns: Netns, dev: string): Promise<FrameReceiver> {
  const sources: string[] = [];
  const child = spawnIn(ns, [process.execPath, PROGRAM, 'listen', dev, EXPERIMENT]);
  const lines = readLines(child.stdout);
  const first = await lines.next();
  if (first.value !== 'ready') throw new Error(`nothing listens on ${dev}: ${await child.stderr.text()}`);
  void (async () => {
    for await (const frame of lines) sources.push(macOf(frame.slice(12, 24)));
  })();
  const sees = async (mac: string, ms = 2000) => {
    for (const end = Date.now() + ms; !sources.includes(mac) && Date.now() < end; ) await Bun.sleep(5);
    return sources.includes(mac);
  };
  return { seen: () => [...sources], sees, [Symbol.dispose]: () => child.kill('SIGKILL') };
}

/** Sends a router advertisement (RFC 4861, 4.2) to all nodes, with a prefix for autonomous configuration. */
export function advertise(from: Netns, dev: string, advertisement: Advertisement): void {
  const { mac, prefix, lifetime = 1800 } = advertisement;
  const source = linkLocal(mac);
  const allNodes = address('ff02::1');
  const message = routerAdvertisement(hexOf(mac), address(prefix), lifetime);
  message.writeUInt16BE(checksum(source, allNodes, message), 2);
  const header = Buffer.from([0x60, 0, 0, 0, 0, message.length, 58, 255]);
  const ethernet = `333300000001${hexOf(mac)}86dd`;
  send(from, dev, ethernet + Buffer.concat([header, source, allNodes, message]).toString('hex'));
}

/** `fe80::…` of an interface with that MAC (RFC 4291, appendix A). */
export function linkLocal(mac: string): Buffer {
  const bytes = Buffer.from(hexOf(mac), 'hex');
  const [first = 0, ...rest] = bytes;
  return Buffer.from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)]);
}

/** Hop limit, flags, lifetime, two timers; the link-layer address; the prefix, on link and for addresses. */
function routerAdvertisement(mac: string, prefix: Buffer, lifetime: number): Buffer {
  const lifetimeHex = lifetime.toString(16).padStart(4, '0');
  const head = `860000004000${lifetimeHex}${'0'.repeat(16)}`;
  const prefixInfo = `030440c0${'00000e10'.repeat(2)}00000000${prefix.toString('hex')}`;
  return Buffer.from(`${head}0101${mac}${prefixInfo}`, 'hex');
}

/** Of ICMPv6: over the message and the pseudo header (RFC 8200, 8.1). */
function checksum(source: Buffer, destination: Buffer, message: Buffer): number {
  const pseudo = Buffer.concat([source, destination, Buffer.from([0, 0, 0, message.length, 0, 0, 0, 58]), message]);
  let sum = 0;
  for (let at = 0; at < pseudo.length; at += 2) sum += pseudo.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** The 16 bytes of an IPv6 address that has at most one `::`. */
function address(text: string): Buffer {
  const [head = '', tail = ''] = text.split('::');
  const groups = (part: string) => part.split(':').filter((group) => group !== '');
  const missing = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array.from({ length: missing }, () => '0'), ...groups(tail)];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function send(from: Netns, dev: string, frame: string): void {
  exec(from, [process.execPath, PROGRAM, 'send', dev, frame], { env: { PATH: SYSTEM_PATH } });
}

function hexOf(mac: string): string {
  return mac.replaceAll(':', '');
}

function macOf(hex: string): string {
  return (hex.match(/../g) ?? []).join(':');
}
