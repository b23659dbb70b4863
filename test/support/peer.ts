/**
 * One end of a conversation, run as a program inside a namespace (see traffic.ts):
 *   serve PORT                  tells TCP and UDP clients the source address it sees
 *   ask PROTOCOL ADDRESS PORT MS   prints the answer of such a server, or nothing
 *   join GROUP DEV PORT         prints the source of every datagram to a multicast group
 *   send GROUP DEV PORT         sends one
 */

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';

const [verb, ...args] = process.argv.slice(2) as [string, ...string[]];
const verbs: Record<string, (...args: string[]) => Promise<void>> = { serve, ask, join, send };
await verbs[verb]?.(...args);

async function serve(port: string): Promise<void> {
  const tcp = createServer((client) => {
    client.on('error', () => {});
    client.end(plain(client.remoteAddress));
  });
  await once(tcp.listen(Number(port), '::'), 'listening');
  for (const type of ['udp4', 'udp6'] as const) {
    const udp = createSocket({ type, ipv6Only: true });
    udp.on('message', (_, from) => udp.send(plain(from.address), from.port, from.address));
    await bind(udp, Number(port));
  }
  readyUntilOrphaned();
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

/** Node names the interface of a group by its IPv4 address, or by `::%name`. */
function multicastInterface(group: string, dev: string): string {
  if (group.includes(':')) return `::%${dev}`;
  const found = networkInterfaces()[dev]?.find((address) => address.family === 'IPv4');
  if (found === undefined) throw new Error(`${dev} has no IPv4 address`);
  return found.address;
}

async function bind(socket: Socket, port: number): Promise<void> {
  socket.bind(port);
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
