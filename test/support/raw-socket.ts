/**
 * A packet socket (packet(7)), run as a program inside a namespace (see frames.ts):
 *   send DEV HEX         sends a frame as it is
 *   listen DEV TYPE      prints every frame of that EtherType that comes in, in hexadecimal
 */

import { dlopen } from 'bun:ffi';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const MSG_DONTWAIT = 0x40;

const { symbols: libc } = dlopen('libc.so.6', {
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  // Not from /sys, which shows the namespace that it was mounted in.
  if_nametoindex: { args: ['buffer'], returns: 'u32' },
  bind: { args: ['i32', 'buffer', 'u32'], returns: 'i32' },
  send: { args: ['i32', 'buffer', 'usize', 'i32'], returns: 'i64' },
  recv: { args: ['i32', 'buffer', 'usize', 'i32'], returns: 'i64' },
});

const [verb, dev, what] = process.argv.slice(2) as [string, string, string];
if (verb === 'send') send(Buffer.from(what, 'hex'));
else listen(Number.parseInt(what, 16));

function send(frame: Buffer): void {
  const socket = open(0);
  const sent = Number(libc.send(socket, frame, frame.length, 0));
  if (sent !== frame.length) throw new Error(`sent ${sent} of ${frame.length} bytes`);
}

function listen(type: number): void {
  const socket = open(type);
  console.log('ready');
  process.stdin.on('end', () => process.exit(0)).resume();
  const frame = Buffer.alloc(2048);
  setInterval(() => {
    for (let length = receive(); length > 0; length = receive()) console.log(frame.toString('hex', 0, length));
  }, 5);
  function receive(): number {
    return Number(libc.recv(socket, frame, frame.length, MSG_DONTWAIT));
  }
}

/** On one interface; with type 0 nothing is received. */
function open(type: number): number {
  const socket = libc.socket(AF_PACKET, SOCK_RAW, networkOrder(type));
  // struct sockaddr_ll: family, protocol in network order, interface; the rest is for sending without a header of one's own.
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(type, 2);
  address.writeUInt32LE(libc.if_nametoindex(Buffer.from(`${dev}\0`)), 4);
  if (socket < 0 || libc.bind(socket, address, address.length) !== 0) throw new Error(`no packet socket on ${dev}`);
  return socket;
}

function networkOrder(value: number): number {
  return ((value & 0xff) << 8) | (value >> 8);
}
