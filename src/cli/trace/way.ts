/** The way of a packet as a list of steps, from where it begins to what came back. */

import { formatIp } from '../../address/ip.ts';
import { formatMac } from '../../address/mac.ts';
import { RTN_LOCAL } from '../../netlink/route/constants.ts';
import type { Neighbour } from '../../netlink/route/neighbour-table.ts';
import { errnoText } from '../../sys/errno.ts';
import { errorText } from './answer-cause.ts';
import { type Evidence, type Filtered, ipText } from './evidence.ts';
import { nextHopOf, probeJourney } from './finding.ts';
import { came, type Journey, type Stage } from './journey.ts';
import { legacyText } from './legacy.ts';
import { endOf, natText, ruleSteps, type Step, step } from './steps.ts';
import { forwardingOf, neighbourOf } from './surroundings.ts';

const UNRESOLVED = ['failed', 'incomplete', 'none'];

/** @throws KernelError */
export function stepsOf(evidence: Evidence): Step[] {
  return [...startSteps(evidence), ...nodeSteps(evidence), ...answerSteps(evidence), ...limits(evidence)];
}

function startSteps(evidence: Evidence): Step[] {
  const { origin, start, target, port, links, inContainer, isGatewayMissing, flight } = evidence;
  const place = origin.netnsPath === undefined ? 'node' : 'container';
  const { way, errno } = start.routing;
  if (way === undefined) {
    return [
      step(place, 'route', `no route to ${formatIp(target.ip)}: ${errnoText(errno)}`, true),
      ...portSteps(evidence),
    ];
  }
  const { link, nextHop, neighbour } = start;
  const via = way.gateway === undefined ? 'directly' : `via ${formatIp(way.gateway)}`;
  const route = `${via} by ${link?.name ?? way.index}, from ${ipText(start.source)}`;
  const steps = [step(place, 'route', way.type === RTN_LOCAL ? `${formatIp(target.ip)} is an own address` : route)];
  if (link !== undefined && !link.carrier && !start.isLocal) {
    steps.push(step(place, 'interface', `${link.name} is ${link.up ? 'up, without a carrier' : 'down'}`, true));
  }
  if (!start.isLocal && nextHop !== undefined) {
    const isBad = flight?.hasLeft !== true && (neighbour === undefined || UNRESOLVED.includes(neighbour.state));
    steps.push(step(place, 'neighbour', neighbourText(ipText(nextHop), neighbour), isBad));
  }
  if (inContainer !== undefined) {
    for (const journey of inContainer.journeys.filter(({ kind }) => kind === 'probe'))
      steps.push(...ruleSteps('container', inContainer, journey));
  }
  if (place === 'node') return steps;
  if (isGatewayMissing) {
    steps.push(step('node', 'gateway', `no interface of the node has ${ipText(nextHop)}`, true));
  }
  return port === undefined && links.size === 0 ? steps : [...steps, ...portSteps(evidence)];
}

/** The host veth, and what its bridge knows of the container. */
function portSteps({ port, recorded, start, origin, links }: Evidence): Step[] {
  if (origin.netnsPath === undefined || start.isLocal) return [];
  if (port === undefined) {
    return recorded.hostVeth === undefined
      ? []
      : [step('node', 'port', `the host veth ${recorded.hostVeth} is gone`, true)];
  }
  const { link, bridge, state, entry } = port;
  if (!link.up) return [step('node', 'port', `${link.name} is down`, true)];
  if (bridge === undefined) {
    const isBad = recorded.bridge !== undefined;
    return [step('node', 'port', `${link.name} is a port of no bridge`, isBad)];
  }
  const isRight = recorded.bridge === undefined || recorded.bridge === bridge.name;
  const isBad = !bridge.up || !isRight || (state !== undefined && state !== 'forwarding');
  const seen = `${link.name}, port of ${bridge.name}${bridge.up ? '' : ', which is down'}: ${state ?? 'no port'}`;
  const steps = [step('node', 'port', seen, isBad)];
  if (start.link !== undefined) {
    const mac = formatMac(start.link.mac);
    const where = entry === undefined ? 'unknown' : `behind ${links.get(entry.index)?.name ?? entry.index}`;
    steps.push(
      step(
        'node',
        'forwarding',
        `${mac} is ${where} on ${bridge.name}`,
        entry !== undefined && entry.index !== link.index,
      ),
    );
  }
  return steps;
}

function nodeSteps(evidence: Evidence): Step[] {
  const { onNode, flow, flight } = evidence;
  if (onNode === undefined) return [];
  const discovery = onNode.journeys.filter(
    ({ kind, end }) => (kind === 'solicitation' || kind === 'advertisement') && end !== undefined,
  );
  const steps = discovery.flatMap((journey) => ruleSteps('node', onNode, journey, 'asks for the MAC: '));
  const journey = probeJourney(evidence);
  if (journey === undefined) return steps;
  for (const one of onNode.journeys.filter(({ kind }) => kind === 'probe'))
    steps.push(...ruleSteps('node', onNode, one));
  const local = came(journey, false, 'input', true);
  if (local !== undefined) steps.push(step('node', 'route', `${ipText(local.ends?.to)} is the node itself`));
  const left = came(journey, false, 'postrouting', false) ?? came(journey, true, 'postrouting', false);
  if (left?.output !== undefined) steps.push(...departure(evidence, left, journey));
  const nat = flow && natText(flow);
  if (nat !== undefined && (flight?.atInterface !== undefined || left !== undefined))
    steps.push(step('node', 'connection', nat));
  return steps;
}

/** The interface that the packet left the node by, and the neighbour that it goes to. */
function departure(evidence: Evidence, { output = 0, ends, isBridge }: Stage, journey: Journey): Step[] {
  const { links, node } = evidence;
  const link = links.get(output);
  const name = link?.name ?? String(output);
  const steps = [step('node', 'leaves', `by ${name}, from ${endOf(ends, 'from')} to ${endOf(ends, 'to')}`)];
  if (isBridge || ends === undefined) return steps;
  const hop = evidence.origin.netnsPath === undefined ? evidence.start.nextHop : nextHopOf(evidence, output, ends.to);
  if (hop === undefined || came(journey, false, 'postrouting', false) === undefined) return steps;
  const neighbour = neighbourOf(node.route, output, hop);
  const isBad = neighbour !== undefined && UNRESOLVED.includes(neighbour.state);
  if (evidence.origin.netnsPath !== undefined) {
    steps.push(step('node', 'neighbour', neighbourText(ipText(hop), neighbour), isBad));
  }
  if (link?.kind !== 'bridge' || neighbour?.mac === undefined) return steps;
  const entry = forwardingOf(node.route, output, neighbour.mac);
  const where =
    entry === undefined
      ? 'unknown, so that the frame goes to all ports'
      : `behind ${links.get(entry.index)?.name ?? entry.index}`;
  return [...steps, step('node', 'forwarding', `${formatMac(neighbour.mac)} is ${where} on ${name}`)];
}

function answerSteps(evidence: Evidence): Step[] {
  const { flight, onNode, protocol, target, origin, timeoutMs } = evidence;
  if (flight === undefined) return [];
  const place = origin.netnsPath === undefined ? 'node' : 'container';
  if (flight.refusal !== undefined) return [step(place, 'sending', flight.refusal, true)];
  const steps: Step[] = [];
  const answers =
    onNode?.journeys.filter(({ kind }) => kind === 'answer' || kind === 'reset' || kind === 'error') ?? [];
  for (const journey of onNode === undefined ? [] : answers)
    steps.push(...ruleSteps('node', onNode as Filtered, journey, 'the answer: '));
  const seen = flight.atInterface ?? flight.atSocket;
  if (seen === undefined) {
    const isDropped = onNode?.journeys.some(({ end }) => end !== undefined) === true;
    if (flight.hasLeft && !isDropped)
      steps.push(step('outside', 'answer', `none came within ${timeoutMs / 1000} s`, true));
    return steps;
  }
  const what = {
    answer: { icmp: 'echo reply', tcp: 'SYN-ACK', udp: 'datagram' }[protocol],
    reset: 'reset',
    error: seen.error === undefined ? 'error' : errorText(target.ip.family, seen.error),
    probe: '',
  }[seen.kind];
  const ms = flight.ms === undefined ? '' : ` after ${flight.ms.toFixed(1)} ms`;
  const from = seen.from.value === 0n ? '' : ` from ${formatIp(seen.from)}`;
  const text = `${what}${from}${ms}`;
  if (flight.atInterface?.kind === 'answer' && flight.atSocket === undefined) {
    return [...steps, step(place, 'answer', `${text}, dropped inside`, true)];
  }
  return [...steps, step(place, 'answer', text, seen.kind !== 'answer')];
}

/** What the trace could not follow. */
function limits({ legacy, isOwned }: Evidence): Step[] {
  const steps: Step[] = [];
  if (legacy.length > 0) {
    steps.push(step('node', 'limit', `iptables-legacy has rules, which cannot be traced: ${legacyText(legacy)}`));
  }
  if (!isOwned) {
    steps.push(
      step(
        'node',
        'limit',
        'this kernel is older than 5.12: had this been killed, the next trace would have removed its table',
      ),
    );
  }
  return steps;
}

function neighbourText(hop: string, neighbour: Neighbour | undefined): string {
  if (neighbour === undefined) return `${hop} is not in the neighbour table`;
  const mac = neighbour.mac === undefined ? '' : ` at ${formatMac(neighbour.mac)}`;
  return `${hop}${mac} is ${neighbour.state}`;
}
