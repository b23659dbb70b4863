/** What ends the way of a packet, as people read it, and the parts that several causes are made of. */

import type { Ip } from '../../address/ip.ts';
import { RTN_LOCAL } from '../../netlink/route/constants.ts';
import { type Evidence, type Filtered, ipText } from './evidence.ts';
import { came, type Journey } from './journey.ts';
import { legacyText } from './legacy.ts';
import { type Described, placeText } from './rules.ts';
import { routing } from './surroundings.ts';
import { HOOKS } from './tracer.ts';

export interface Cause {
  /** Stable, for scripts. */
  readonly code: string;
  readonly what: string;
  /** A command line, or a sentence. */
  readonly fix: string;
  /** The rule or policy, where it is one. */
  readonly rule?: Described;
}

/** The journey of the probe itself on the node; a frame that was looked at again is a second one. */
export function probeJourney({ onNode }: Evidence): Journey | undefined {
  return onNode?.journeys.find(({ kind }) => kind === 'probe');
}

/** `nsenter --net=PATH COMMAND` for a container, the command itself for the node. */
export function insideOf({ origin: { netnsPath } }: Evidence, command: string): string {
  return netnsPath === undefined ? command : `nsenter --net=${netnsPath} ${command}`;
}

/** The cause that a rule or policy is. */
export function ruleCause(rule: Described, whose: string, evidence: Evidence): Cause {
  const { source } = evidence.start;
  const isPolicy = rule.handle === undefined;
  const text = isPolicy ? 'its policy is drop, and no rule before it accepted the packet' : rule.text;
  const comment = rule.comment === undefined ? '' : ` (comment ${JSON.stringify(rule.comment)})`;
  const what = `${whose} was dropped by ${placeText(rule)}: ${text}${comment}`;
  const isOurs = rule.table === 'trestle' && rule.family === 'bridge';
  const fix = isOurs
    ? `The container sends from another MAC or address than it was given (${ipText(source)}): undo that inside, or restart the container.`
    : rule.removal;
  return { code: isPolicy ? 'policy' : 'rule', what, fix, rule };
}

/** The rule or policy that dropped the first packet of that kind. */
export function dropOf(filtered: Filtered | undefined, kind: Journey['kind']): Described | undefined {
  const end = filtered?.journeys.find((one) => one.kind === kind && one.end !== undefined)?.end;
  return end && filtered?.rules.describe(end);
}

/** The packet came to a hook of the node and not past it, and no rule that can be traced dropped it. */
export function lossAtHook({ legacy, target }: Evidence, journey: Journey, whose: string): Cause | undefined {
  const hook = HOOKS.find((one) => came(journey, false, one, true) && !came(journey, false, one, false));
  if (hook === undefined) return undefined;
  const suspects =
    legacy.length === 0
      ? 'something that cannot be traced took it'
      : `iptables-legacy cannot be traced, and has rules: ${legacyText(legacy)}`;
  return {
    code: legacy.length === 0 ? 'untraced-filter' : 'iptables-legacy',
    what: `${whose} was lost at the hook ${hook}, and no rule of nftables dropped it; ${suspects}`,
    fix: `${target.ip.family === 4 ? 'iptables' : 'ip6tables'}-legacy-save -c`,
  };
}

/** The neighbour of the node to which it hands a packet that goes out by an interface; undefined where the route changed. */
export function nextHopOf({ node }: Evidence, output: number, to: Ip): Ip | undefined {
  const { way } = routing(node.route, { to });
  return way === undefined || way.type === RTN_LOCAL || way.index !== output ? undefined : (way.gateway ?? to);
}
