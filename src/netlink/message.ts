/** Netlink messages (struct nlmsghdr: u32 length, u16 type, u16 flags, u32 sequence, u32 port; then the payload). */

import { align4, concat, readU16le, readU32le, Truncated, u16le, u32le } from './bytes.ts';

const HEADER = 16;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x01;
export const NLM_F_MULTI = 0x02;
export const NLM_F_ACK = 0x04;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

export function encodeMessage(message: Message): Uint8Array {
  const length = HEADER + message.payload.length;
  const padding = new Uint8Array(align4(length) - length);
  const port = u32le(0);
  const head = [u32le(length), u16le(message.type), u16le(message.flags), u32le(message.sequence), port];
  return concat([...head, message.payload, padding]);
}

/** Every message of one datagram. @throws Truncated when a length runs past the end. */
export function decodeMessages(datagram: Uint8Array): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at + HEADER <= datagram.length; ) {
    const length = readU32le(datagram, at);
    if (length < HEADER || at + length > datagram.length) throw new Truncated(`message of ${length} bytes at ${at}`);
    messages.push({
      type: readU16le(datagram, at + 4),
      flags: readU16le(datagram, at + 6),
      sequence: readU32le(datagram, at + 8),
      payload: datagram.subarray(at + HEADER, at + length),
    });
    at += align4(length);
  }
  return messages;
}
