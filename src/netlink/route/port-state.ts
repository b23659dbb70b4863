/** Bridge ports: whether the bridge forwards for one, and being notified of changes (linux/if_bridge.h, rtnetlink(7)). */

import { findAttribute } from '../attribute.ts';
import { readCString, readI32le, Truncated } from '../bytes.ts';
import type { Message } from '../message.ts';
import * as rt from './constants.ts';
import { LINK_HEADER } from './link.ts';

/** Without a spanning tree protocol a port is either disabled, as while it has no carrier, or forwarding. */
export type PortState = 'disabled' | 'listening' | 'learning' | 'forwarding' | 'blocking';

const STATES: readonly PortState[] = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'];

/** What the kernel says of a link (RTM_NEWLINK) that may be a bridge port. */
export interface PortLook {
  readonly index: number;
  /** Undefined for a link that is no bridge port. */
  readonly state: PortState | undefined;
}

/** Reads this alone of the reply to `getLink`: an ADD has no time for fifty attributes. @throws Truncated */
export function decodePortLook(payload: Uint8Array): PortLook {
  if (payload.length < LINK_HEADER) throw new Truncated(`a link of ${payload.length} bytes`);
  const info = findAttribute(payload.subarray(LINK_HEADER), rt.IFLA_LINKINFO);
  const data = info && findAttribute(info, rt.IFLA_INFO_SLAVE_DATA);
  const isPort = info !== undefined && textOf(findAttribute(info, rt.IFLA_INFO_SLAVE_KIND)) === 'bridge';
  const state = data && findAttribute(data, rt.IFLA_BRPORT_STATE)?.[0];
  return { index: readI32le(payload, 4), state: isPort ? STATES[state ?? 0] : undefined };
}

/** Whether a notification is about that link, as a link or as a bridge port. @throws Truncated */
export function isAboutLink({ type, payload }: Message, index: number): boolean {
  return (type === rt.RTM_NEWLINK || type === rt.RTM_DELLINK) && readI32le(payload, 4) === index;
}

function textOf(payload: Uint8Array | undefined): string | undefined {
  return payload && readCString(payload);
}
