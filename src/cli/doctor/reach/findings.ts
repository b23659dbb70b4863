/** Probes that failed, as findings: one for each cause, whatever the number of containers that suffer from it. */

import { formatIp } from '../../../address/ip.ts';
import { formatMac } from '../../../address/mac.ts';
import { traceCommand } from '../attachments/commands.ts';
import { type Attached, subjectOf, type View } from '../attachments/view.ts';
import { insideOf } from '../command-lines.ts';
import type { Finding } from '../examination.ts';
import type { Failure } from './send.ts';

/** What fails already at the gateway needs no word about what lies behind, and a container that is cut off explains its peers. */
export function findingsOf(view: View, failures: readonly Failure[]): Finding[] {
  const cutOff = new Set(failures.filter(({ attempt }) => attempt.hop === 'gateway').map(({ sender }) => sender.one));
  const counted = failures.filter(
    ({ attempt: { hop, to }, sender }) =>
      hop === 'gateway' || (!cutOff.has(sender.one) && (to === undefined || !cutOff.has(to))),
  );
  const groups = new Map<string, Failure[]>();
  for (const failure of counted) {
    const { attempt, sender } = failure;
    const target = attempt.hop === 'address' ? targetText(failure) : '';
    const key = [sender.one.network, attempt.hop, target, codeOf(failure)].join(' ');
    groups.set(key, [...(groups.get(key) ?? []), failure]);
  }
  return [...groups.values()].map((group) => findingOf(view, group));
}

function findingOf(view: View, failures: readonly Failure[]): Finding {
  const [failure] = failures as readonly [Failure];
  const { one } = failure.sender;
  const code = codeOf(failure);
  const what = { gateway: 'its gateway', neighbour: 'another container of the network', address: '' };
  const name = [what[failure.attempt.hop], targetText(failure)].filter((word) => word !== '').join(' ');
  const count = new Set(failures.map(({ sender }) => sender.one)).size;
  const more = count === 1 ? '' : `, and neither do ${count - 1} more`;
  return {
    level: code === 'connection-refused' ? 'warning' : 'error',
    code,
    subject: count === 1 ? subjectOf(one) : `network ${one.network}`,
    what: `${count === 1 ? 'it' : subjectOf(one)} does not reach ${name}${more}: ${reasonOf(failure)}`,
    evidence: evidenceOf(failure),
    fix: fixOf(view, one, failure),
    isSafe: false,
  };
}

function codeOf({ outcome, neighbour, via }: Failure): string {
  if (outcome.kind === 'no route' || via === undefined) return 'no-route';
  if (outcome.kind === 'refused') return 'connection-refused';
  if (outcome.kind === 'rejected') return 'packet-rejected';
  if (neighbour?.state === 'failed' || neighbour?.state === 'incomplete') return 'neighbour-unresolved';
  return neighbour?.state === 'permanent' ? 'neighbour-fixed' : 'no-answer';
}

function reasonOf(failure: Failure): string {
  const { outcome, via } = failure;
  const hop = via === undefined ? '' : formatIp(via);
  if (outcome.kind === 'rejected') return outcome.text;
  switch (codeOf(failure)) {
    case 'no-route':
      return 'the container has no route to it';
    case 'connection-refused':
      return 'nothing listens at the port';
    case 'neighbour-unresolved':
      return `nothing answers ${via?.family === 6 ? 'neighbour discovery' : 'ARP'} for ${hop}`;
    case 'neighbour-fixed':
      return `the container sends to a MAC that was set by hand for ${hop}`;
    default:
      return `${hop} takes the packets, and no answer comes back`;
  }
}

function evidenceOf({ attempt: { target }, via, neighbour }: Failure): string {
  const sent = target.port === undefined ? 'an echo request' : 'a connection';
  const hop = via === undefined ? '' : formatIp(via);
  const state = neighbour?.state.toUpperCase() ?? 'not there';
  const mac = neighbour?.mac === undefined ? '' : ` with ${formatMac(neighbour.mac)}`;
  const table =
    via === undefined ? 'the kernel finds no route' : `in the container's neighbour table ${hop} is ${state}${mac}`;
  return `${sent} from inside, waited for 1 s; ${table}`;
}

function fixOf(view: View, one: Attached, failure: Failure): string {
  const { target } = failure.attempt;
  const path = one.netns?.path ?? '';
  const code = codeOf(failure);
  if (code === 'neighbour-fixed' && failure.via !== undefined) {
    return insideOf(path, 'ip', 'neighbour', 'delete', formatIp(failure.via), 'dev', one.ifName);
  }
  const gateway = one.wanted.addressing?.addresses.find(
    (each) => each.gateway !== undefined && view.cidr(each.address)?.ip.family === target.ip.family,
  )?.gateway;
  if (code === 'no-route' && gateway !== undefined) {
    return insideOf(path, 'ip', 'route', 'add', formatIp(target.ip), 'via', gateway);
  }
  return traceCommand(view.examination, one, targetText(failure));
}

function targetText({ attempt: { target } }: Failure): string {
  const ip = formatIp(target.ip);
  if (target.port === undefined) return ip;
  return target.ip.family === 6 ? `[${ip}]:${target.port}` : `${ip}:${target.port}`;
}
