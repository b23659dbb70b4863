/**
 * One end of a conversation, run as a program inside a namespace (see traffic.ts):
 *   serve PORT                  tells TCP and UDP clients the source address it sees
 *   ask PROTOCOL ADDRESS PORT MS   prints the answer of such a server, or nothing
 *   join GROUP DEV PORT         prints the source of every datagram to a multicast group
 *   send GROUP DEV PORT         sends one
 *   reach PORT ADDRESS…         tries each address with ICMP, TCP and UDP, and prints `tcp ADDRESS` as soon as it answers
 */

import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';

const [verb, ...args] = process.argv.slice(2) as [string, ...string[]];
const verbs: Record<string, (...args: string[]) => Promise<void>> = { serve, ask, join, send, reach };
await verbs[verb]?.(...args);

async function serve(port: string): Promise<void> {
  const tcp = createServer((client) => {
    client.on('error', () => {});
    client.end(plain(client.remoteAddress));
  });
  await once(tcp.listen(Number(port), '::'), 'listening');
  for (const address of ['0.0.0.0', '::', ...ownAddresses()]) await serveUdp(address, Number(port));
  readyUntilOrphaned();
}

/** A socket of each address, since the answer of one that is bound to none has the first address of the interface as its source. */
async function serveUdp(address: string, port: number): Promise<void> {
  const udp = createSocket({ type: typeOf(address), ipv6Only: true, reuseAddr: true });
  udp.on('message', (_, from) => udp.send(plain(from.address), from.port, from.address));
  await bind(udp, port, address);
}

function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.map(({ address }) => address).filter((address) => !address.startsWith('fe80:'));
}

async function ask(protocol: string, address: string, port: string, ms: string): Promise<void> {
  setTimeout(() => process.exit(0), Number(ms));
  const answer = await (protocol === 'udp' ? askUdp : askTcp)(address, Number(port));
  console.log(answer);
  process.exit(0);
}

async function askTcp(address: string, port: number): Promise<string> {
  const socket = createConnection(port, address);
  socket.on('error', () => process.exit(0));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return answer.toString();
}

/** Asks again every 200 ms: the first datagram may be lost while a neighbour is being resolved. */
async function askUdp(address: string, port: number): Promise<string> {
  const socket = createSocket(typeOf(address));
  const question = () => socket.send('?', port, address, () => {});
  setInterval(question, 200);
  question();
  const [answer] = (await once(socket, 'message')) as [Buffer];
  return answer.toString();
}

async function join(group: string, dev: string, port: string): Promise<void> {
  const socket = createSocket({ type: typeOf(group), reuseAddr: true });
  socket.on('message', (_, from) => console.log(plain(from.address)));
  await bind(socket, Number(port));
  socket.addMembership(group, multicastInterface(group, dev));
  readyUntilOrphaned();
}

async function send(group: string, dev: string, port: string): Promise<void> {
  const socket = createSocket(typeOf(group));
  await bind(socket, 0);
  socket.setMulticastInterface(multicastInterface(group, dev));
  socket.setMulticastTTL(8);
  socket.send('!', Number(port), group, () => process.exit(0));
}

async function reach(port: string, ...addresses: string[]): Promise<void> {
  readyUntilOrphaned();
  for (const address of addresses) {
    reachTcp(address, Number(port));
    reachUdp(address, Number(port));
    const family = address.includes(':') ? '-6' : '-4';
    const ping = spawn('busybox', ['ping', family, '-q', '-c', '1', '-W', '10', address], { stdio: 'ignore' });
    ping.on('exit', (status) => status === 0 && console.log(`icmp ${address}`));
  }
}

function reachTcp(address: string, port: number): void {
  const socket = createConnection(port, address);
  socket.on('error', () => {});
  socket.on('data', () => console.log(`tcp ${address}`));
}

/** A rejected datagram is an error of the socket, which counts as no answer. */
function reachUdp(address: string, port: number): void {
  const socket = createSocket(typeOf(address));
  const question = () => socket.send('?', port, address, () => {});
  const repeated = setInterval(question, 200);
  socket.on('error', () => {});
  socket.on('message', () => {
    clearInterval(repeated);
    console.log(`udp ${address}`);
  });
  question();
}

/** Node names the interface of a group by its IPv4 address, or by `::%name`. */
function multicastInterface(group: string, dev: string): string {
  if (group.includes(':')) return `::%${dev}`;
  const found = networkInterfaces()[dev]?.find((address) => address.family === 'IPv4');
  if (found === undefined) throw new Error(`${dev} has no IPv4 address`);
  return found.address;
}

async function bind(socket: Socket, port: number, address?: string): Promise<void> {
  socket.bind(port, address);
  await once(socket, 'listening');
}

function typeOf(address: string): 'udp4' | 'udp6' {
  return address.includes(':') ? 'udp6' : 'udp4';
}

/** An IPv4 address that came through an IPv6 socket, in its own notation. */
function plain(address = ''): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*/, '');
}

/** stdin is a pipe from the test: when it ends, so do we. */
function readyUntilOrphaned(): void {
  console.log('ready');
  process.stdin.on('end', () => process.exit(0)).resume();
}
