/**
 * Captured netlink messages. A file in fixtures/ has a section a message: `[name]`, then its bytes in hexadecimal, one
 * header or attribute a line, attributes inside another indented, with a comment that names them. `00*9` is nine times 00.
 *
 * What ip, bridge and nft send was taken with `strace -e trace=sendto,sendmsg -e write=3,4`, sequence numbers set to 1;
 * what the kernel sends, from our own sockets in a fresh namespace.
 */

import { readFileSync } from 'node:fs';
import { concat } from '../../../src/netlink/bytes.ts';
import { connect, execute, type Request } from '../../../src/netlink/connection.ts';
import { decodeMessages, type Message } from '../../../src/netlink/message.ts';
import { acknowledgeAll, fakeKernel } from './fake-kernel.ts';

interface Line {
  readonly depth: number;
  readonly bytes: Uint8Array;
  /** The first word of the comment: the attribute's name, or that of a header with a colon. */
  readonly name: string;
}

const HEADERS = ['nlmsghdr:', 'nfgenmsg:', 'ifinfomsg:', 'ifaddrmsg:', 'rtmsg:'];

/** The bytes of a section. */
export function bytesOf(file: string, section = 'reply'): Uint8Array {
  return concat(linesOf(file, section).map(({ bytes }) => bytes));
}

/** The message of a section, decoded. */
export function messageOf(file: string, section = 'reply'): Message {
  const [message, ...others] = decodeMessages(bytesOf(file, section));
  if (message === undefined || others.length > 0) throw new Error(`[${section}] of ${file} is not one message`);
  return message;
}

/** The payload of a section's message. */
export function payloadOf(file: string, section = 'reply'): Uint8Array {
  return messageOf(file, section).payload;
}

/**
 * What a section says, whatever the order and padding of its attributes: each attribute that holds no others, as the
 * names of those it is in and its own, and its payload without zeros at the end.
 */
export function saidIn(file: string, section: string, except: readonly string[] = []): string[] {
  const path: string[] = [];
  const said: string[] = [];
  for (const { depth, bytes, name } of linesOf(file, section)) {
    path.splice(depth, path.length, name);
    if (name.endsWith(':') || except.includes(name)) continue;
    const payload = Buffer.from(bytes.subarray(4))
      .toString('hex')
      .replace(/(00)+$/, '');
    said.push(`${path.join(' ')} ${payload}`);
  }
  return said.sort();
}

/** The header of a family (ifinfomsg and the like) in a section. */
export function headerIn(file: string, section: string): string {
  const line = linesOf(file, section).find(({ name }) => HEADERS.slice(1).includes(name));
  return Buffer.from(line?.bytes ?? []).toString('hex');
}

/** What a connection sends for a request. */
export function sentFor(request: Request): Uint8Array {
  const kernel = fakeKernel(acknowledgeAll);
  execute(connect(kernel), request);
  return kernel.datagrams[0] as Uint8Array;
}

function linesOf(file: string, section: string): Line[] {
  const text = readFileSync(`${import.meta.dir}/fixtures/${file}.hex`, 'utf8');
  const found = text.split(/^\[(.*)\]$/m);
  const at = found.indexOf(section, 1);
  if (at < 0) throw new Error(`there is no [${section}] in ${file}.hex`);
  return (found[at + 1] as string).split('\n').flatMap((line) => (line.trim() === '' ? [] : parseLine(line)));
}

function parseLine(line: string): Line {
  const [, indent, hex, name] = /^( *)((?:[0-9a-f]{2}(?:\*\d+)? )+)# (\S+)/.exec(line) ?? [];
  if (indent === undefined || hex === undefined || name === undefined) throw new Error(`not a fixture's line: ${line}`);
  const bytes = hex.trim().split(' ').flatMap(run);
  return { depth: indent.length / 2, bytes: Uint8Array.from(bytes), name };
}

/** `00*9`, or one byte. */
function run(text: string): number[] {
  const [byte, times = '1'] = text.split('*');
  return Array.from({ length: Number(times) }, () => Number.parseInt(byte as string, 16));
}
