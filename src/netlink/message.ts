/** Netlink messages (struct nlmsghdr: u32 length, u16 type, u16 flags, u32 sequence, u32 port; then the payload). */

import { type Attribute, createOutput, type Output, putAttributes, sizeOfAttributes } from './attribute.ts';
import { align4, Truncated } from './bytes.ts';

const HEADER = 16;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x01;
export const NLM_F_MULTI = 0x02;
export const NLM_F_ACK = 0x04;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

/** A message that came: `payload` is the family's own header and the attributes. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** A message to be sent. */
export interface OutgoingMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** The family's own header, a multiple of four bytes. */
  readonly header: Uint8Array;
  readonly attributes: readonly Attribute[];
}

/** All messages in one datagram. */
export function encodeMessages(messages: readonly OutgoingMessage[]): Uint8Array {
  let size = 0;
  for (const message of messages) size += sizeOf(message);
  const output = createOutput(size);
  let at = 0;
  for (const message of messages) at = putMessage(output, at, message);
  return output.bytes;
}

/** Every message of one datagram. @throws Truncated when a length runs past the end */
export function decodeMessages(datagram: Uint8Array): Message[] {
  const messages: Message[] = [];
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  for (let at = 0; at + HEADER <= datagram.length; ) {
    const length = view.getUint32(at, true);
    if (length < HEADER || at + length > datagram.length) throw new Truncated(`message of ${length} bytes at ${at}`);
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      payload: datagram.subarray(at + HEADER, at + length),
    });
    at += align4(length);
  }
  return messages;
}

function sizeOf({ header, attributes }: OutgoingMessage): number {
  return HEADER + header.length + sizeOfAttributes(attributes);
}

/** Writes one message. Its port stays zero: the kernel knows the sender. */
function putMessage(output: Output, at: number, message: OutgoingMessage): number {
  const { view, bytes } = output;
  view.setUint16(at + 4, message.type, true);
  view.setUint16(at + 6, message.flags, true);
  view.setUint32(at + 8, message.sequence, true);
  bytes.set(message.header, at + HEADER);
  const end = putAttributes(output, at + HEADER + message.header.length, message.attributes);
  view.setUint32(at, end - at, true);
  return end;
}
