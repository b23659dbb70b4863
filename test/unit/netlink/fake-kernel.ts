/** A kernel to test against: a function from the messages of one datagram to the datagrams that answer it. */

import { attrText } from '../../../src/netlink/attribute.ts';
import { concat, pack } from '../../../src/netlink/bytes.ts';
import {
  decodeMessages,
  encodeMessages,
  type Message,
  NLM_F_MULTI,
  NLMSG_DONE,
  NLMSG_ERROR,
  type OutgoingMessage,
} from '../../../src/netlink/message.ts';
import type { Transport } from '../../../src/netlink/socket.ts';
import { EAGAIN } from '../../../src/sys/errno.ts';
import { SystemError } from '../../../src/sys/libc.ts';

/** A datagram, or what receiving fails with. */
export type Answer = readonly OutgoingMessage[] | Uint8Array | Error;

export interface FakeKernel extends Transport {
  /** What was sent, datagram by datagram. */
  readonly datagrams: readonly Uint8Array[];
  readonly requests: readonly (readonly Message[])[];
  readonly closed: boolean;
}

/** `round` counts the datagrams from 0. With nothing to answer, receiving times out as a socket's does. */
export function fakeKernel(answer: (requests: readonly Message[], round: number) => readonly Answer[]): FakeKernel {
  const datagrams: Uint8Array[] = [];
  const requests: Message[][] = [];
  const queue: Answer[] = [];
  let closed = false;
  return {
    datagrams,
    requests,
    get closed() {
      return closed;
    },
    send(datagram) {
      const messages = decodeMessages(datagram);
      queue.push(...answer(messages, datagrams.length));
      datagrams.push(datagram);
      requests.push(messages);
    },
    receive() {
      const next = queue.shift() ?? new SystemError('recv', EAGAIN);
      if (next instanceof Error) throw next;
      return next instanceof Uint8Array ? next : encodeMessages(next);
    },
    close() {
      closed = true;
    },
  };
}

/** The acknowledgement of a request, or its refusal. */
export function verdict({ sequence }: Pick<Message, 'sequence'>, errno = 0, sentence?: string): OutgoingMessage {
  const header = concat([pack([4, -errno]), new Uint8Array(16)]);
  const flags = sentence === undefined ? 0x100 : 0x300; // NLM_F_CAPPED, NLM_F_ACK_TLVS
  return {
    type: NLMSG_ERROR,
    flags,
    sequence,
    header,
    attributes: sentence === undefined ? [] : [attrText(1, sentence)],
  };
}

/** One message of what was asked for. */
export function part({ sequence }: Pick<Message, 'sequence'>, byte: number, flags = NLM_F_MULTI): OutgoingMessage {
  return { type: 0x20, flags, sequence, header: Uint8Array.of(byte, 0, 0, 0), attributes: [] };
}

/** The end of a dump. */
export function done({ sequence }: Pick<Message, 'sequence'>, errno = 0, flags = NLM_F_MULTI): OutgoingMessage {
  return { type: NLMSG_DONE, flags, sequence, header: pack([4, -errno]), attributes: [] };
}

export function acknowledgeAll(requests: readonly Message[]): Answer[] {
  return requests.map((request) => [verdict(request)]);
}
