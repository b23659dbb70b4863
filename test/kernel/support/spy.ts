/** A connection whose datagrams are seen, changed, or forestalled on their way to the kernel. */

import type { Connection } from '../../../src/netlink/connection.ts';
import { decodeMessages } from '../../../src/netlink/message.ts';
import type { Kernels } from './inside.ts';

/** `look` gets each datagram with the types of its messages, and says what is sent instead, if anything. */
export type Look = (datagram: Uint8Array, types: readonly number[]) => Uint8Array | undefined;

export function spyOn(connection: Connection, look: Look): Connection {
  const { transport } = connection;
  const send = (datagram: Uint8Array) => {
    const types = decodeMessages(datagram).map(({ type }) => type);
    transport.send(look(datagram, types) ?? datagram);
  };
  return { ...connection, transport: { ...transport, send } };
}

/** The same on the node's route socket. */
export function spyOnNode(kernels: Kernels, look: Look): Kernels {
  return { ...kernels, node: { ...kernels.node, route: spyOn(kernels.node.route, look) } };
}

/** Does something, as another process might, just before the first message of that type after one of another is sent. */
export function before(type: number, action: () => void, after?: number): Look {
  let waiting = after !== undefined;
  let done = false;
  return (_, types) => {
    if (!waiting && !done && types.includes(type)) {
      done = true;
      action();
    }
    if (after !== undefined && types.includes(after)) waiting = false;
    return undefined;
  };
}
