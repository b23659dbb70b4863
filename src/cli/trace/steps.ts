/** Steps of a way, and those that a packet filter adds to it: rules, policies, translated addresses. */

import type { Flow, Tuple } from '../../netlink/conntrack/flow.ts';
import { isDrop } from '../../netlink/nft/trace.ts';
import type { Filtered } from './evidence.ts';
import { type Ends, endText, type Journey } from './journey.ts';
import { type Described, placeText } from './rules.ts';

export interface Step {
  readonly place: 'container' | 'node' | 'outside';
  /** `route`, `neighbour`, `port`, `rule`, `policy`, `nat`, `leaves`, `answer`, … */
  readonly topic: string;
  readonly seen: string;
  /** The way ended here, or this is why. */
  readonly isBad: boolean;
  readonly rule?: Described;
}

/** A step that is no rule. */
export function step(place: Step['place'], topic: string, seen: string, isBad = false): Step {
  return { place, topic, seen, isBad };
}

/** Rules and policies in their order, and where an address changes between two hooks. */
export function ruleSteps(place: 'container' | 'node', { rules }: Filtered, journey: Journey, before = ''): Step[] {
  const steps: Step[] = [];
  for (const met of journey.met) {
    const rule = rules.describe(met);
    const isBad = isDrop(met.verdict);
    // A policy that accepts says nothing.
    if (rule.handle === undefined && !isBad) continue;
    const topic = rule.handle === undefined ? 'policy' : 'rule';
    const comment = rule.comment === undefined ? '' : ` # ${rule.comment}`;
    const verdict = rule.text.endsWith(rule.verdict) ? '' : ` → ${rule.verdict}`;
    steps.push({ ...step(place, topic, `${before}${placeText(rule)}: ${rule.text}${comment}${verdict}`, isBad), rule });
  }
  const changes = changesOf(journey);
  return [...steps, ...changes.map((seen) => step(place, 'nat', `${before}${seen}`))];
}

/** Where source or destination of the packet changed. */
function changesOf({ stages }: Journey): string[] {
  const changes: string[] = [];
  let last: Ends | undefined;
  for (const { ends, hook } of stages) {
    if (ends === undefined) continue;
    for (const end of ['to', 'from'] as const) {
      const [was, is] = [endOf(last, end), endOf(ends, end)];
      if (last === undefined || was === is) continue;
      changes.push(`at ${hook} its ${end === 'to' ? 'destination' : 'source'} ${was} becomes ${is}`);
    }
    last = ends;
  }
  return changes;
}

/** What NAT changes of a connection; undefined where it changes nothing. */
export function natText({ original, reply }: Flow): string | undefined {
  const parts: string[] = [];
  const [source, destination] = [tupleEnd(original, 'source'), tupleEnd(original, 'destination')];
  const [answered, answering] = [tupleEnd(reply, 'destination'), tupleEnd(reply, 'source')];
  if (destination !== answering) parts.push(`destination ${destination} translated to ${answering}`);
  if (source !== answered) parts.push(`source ${source} translated to ${answered}`);
  return parts.length === 0 ? undefined : parts.join(', ');
}

function tupleEnd(tuple: Tuple, end: 'source' | 'destination'): string {
  return endText(tuple[end], end === 'source' ? tuple.sourcePort : tuple.destinationPort);
}

/** One end of a packet: `10.1.0.2:80`. */
export function endOf(ends: Ends | undefined, end: 'from' | 'to'): string {
  if (ends === undefined) return '?';
  return endText(ends[end], end === 'from' ? ends.fromPort : ends.toPort);
}
