/** What `doctor --probe` reaches for, and from where. */

import { parseIp } from '../../../address/ip.ts';
import type { ProbeTarget } from '../../../netlink/probe/probe.ts';
import { type Attached, isInside, type View } from '../attachments/view.ts';
import type { ProbeWish } from '../examination.ts';

/** The hop of a probe: the first one that fails explains the others. */
export type Hop = 'gateway' | 'neighbour' | 'address';

export interface Attempt {
  readonly hop: Hop;
  readonly target: ProbeTarget;
  /** The container at the address, of the hop `neighbour`. */
  readonly to: Attached | undefined;
}

export interface Sender {
  readonly one: Attached;
  readonly attempts: readonly Attempt[];
}

/** Probes go out from so many containers at most. */
const MOST_SENDERS = 50;

/** Parses `ADDRESS` or `ADDRESS:PORT`, an IPv6 address with a port in brackets. @throws Error for anything else */
export function parseTarget(text: string): ProbeTarget {
  const bare = parseIp(text);
  if (bare !== undefined) return { ip: bare };
  const [, bracketed, plain, port = ''] = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const ip = parseIp(bracketed ?? plain ?? '');
  if (ip !== undefined && Number(port) > 0 && Number(port) < 65_536) return { ip, port: Number(port) };
  throw new Error(`${JSON.stringify(text)} is no address, and none with a port such as 10.0.0.1:80 or [fd00::1]:80`);
}

/** The containers that send, evenly picked of all that have addresses and no error so far; and how many could have sent. */
export function sendersOf(view: View, { to, network }: ProbeWish): { readonly senders: Sender[]; readonly of: number } {
  const able = view.attached.filter(
    (one) =>
      (network === undefined || one.network === network) &&
      !view.troubled.has(one) &&
      (one.wanted.addressing?.addresses.length ?? 0) > 0 &&
      isInside(view.inside(one)),
  );
  const step = Math.max(1, Math.ceil(able.length / MOST_SENDERS));
  const picked = able.filter((_, at) => at % step === 0);
  return { senders: picked.map((one) => ({ one, attempts: attemptsOf(view, one, picked, to) })), of: able.length };
}

function attemptsOf(view: View, one: Attached, all: readonly Attached[], to: readonly ProbeTarget[]): Attempt[] {
  const own = one.wanted.addressing?.addresses ?? [];
  const families = new Set(own.flatMap(({ address }) => view.cidr(address)?.ip.family ?? []));
  const gateways = own.flatMap(({ gateway }) => {
    const ip = gateway === undefined ? undefined : parseIp(gateway);
    return ip === undefined
      ? []
      : [{ hop: 'gateway', target: { ip, link: linkOf(view, one) }, to: undefined } as const];
  });
  const others = to
    .filter(({ ip }) => families.has(ip.family))
    .map((target) => ({ hop: 'address', target, to: undefined }) as const);
  return [...gateways, ...neighbourOf(view, one, all, families), ...others];
}

/** The next container of the same network, in a ring. Ports that are isolated reach no other on purpose. */
function neighbourOf(view: View, one: Attached, all: readonly Attached[], families: ReadonlySet<number>): Attempt[] {
  const isPeer = (other: Attached) => other.network === one.network && other.wanted.port?.isolated === false;
  const ring = all.filter((other) => other === one || isPeer(other));
  const next = ring[(ring.indexOf(one) + 1) % ring.length];
  if (next === undefined || next === one || one.wanted.port?.isolated !== false) return [];
  return (next.wanted.addressing?.addresses ?? []).flatMap(({ address }) => {
    const ip = view.cidr(address)?.ip;
    return ip !== undefined && families.has(ip.family) ? [{ hop: 'neighbour', target: { ip }, to: next } as const] : [];
  });
}

function linkOf(view: View, one: Attached): number | undefined {
  const inside = view.inside(one);
  return isInside(inside) ? inside.interfaceNamed(one.ifName)?.index : undefined;
}
