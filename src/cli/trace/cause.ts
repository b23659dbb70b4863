/** Says what ended the way of a packet, and what to do about it. */

import { formatIp } from '../../address/ip.ts';
import { answerCause } from './answer-cause.ts';
import { type Evidence, ipText } from './evidence.ts';
import { type Cause, dropOf, insideOf, lossAtHook, nextHopOf, probeJourney, ruleCause } from './finding.ts';
import { came } from './journey.ts';
import { routingCause } from './routing-cause.ts';
import { neighbourOf } from './surroundings.ts';

/** @returns undefined where the answer came */
export function causeOf(evidence: Evidence): Cause | undefined {
  const { flight } = evidence;
  if (flight?.atSocket?.kind === 'answer') return undefined;
  return (
    startCause(evidence) ??
    portCause(evidence) ??
    filterCause(evidence) ??
    departureCause(evidence) ??
    wayCause(evidence) ??
    answerCause(evidence)
  );
}

/** No route, or an interface that is down: nothing was sent. */
function startCause(evidence: Evidence): Cause | undefined {
  const { start, target, origin, recorded, port } = evidence;
  const where = origin.netnsPath === undefined ? 'the node' : 'the container';
  const ifName = origin.listed?.ifName ?? start.link?.name;
  if (start.routing.way !== undefined && start.link !== undefined && !start.link.carrier && !start.isLocal) {
    if (port !== undefined && !port.link.up) return undefined;
    return {
      code: 'no-carrier',
      what: `the interface ${start.link.name} of ${where} has no carrier: its other end is down or gone`,
      fix: port === undefined ? 'Restart the container: its host veth is gone.' : `ip link set ${port.link.name} up`,
    };
  }
  if (start.routing.way !== undefined) return undefined;
  const { gateway } = recorded;
  const via = gateway === undefined ? `via GATEWAY` : `via ${formatIp(gateway)}`;
  const dev = ifName === undefined ? '' : ` dev ${ifName}`;
  const family = target.ip.family === 6 ? '-6 ' : '';
  return {
    code: 'no-route',
    what: `${where} has no route to ${formatIp(target.ip)}${port !== undefined && !port.link.up ? `, and its host veth ${port.link.name} is down` : ''}`,
    fix: insideOf(evidence, `ip ${family}route add default ${via}${dev}`),
  };
}

/** The host veth, its bridge, and the gateway's address. */
function portCause({ origin, port, recorded, links, isGatewayMissing, start, flight }: Evidence): Cause | undefined {
  if (origin.netnsPath === undefined || start.isLocal) return undefined;
  if (port === undefined) {
    if (recorded.hostVeth === undefined) return undefined;
    return {
      code: 'port-missing',
      what: `the host veth ${recorded.hostVeth} is gone, so that nothing leaves the container`,
      fix: 'Restart the container: ADD makes the pair anew.',
    };
  }
  const { link, bridge, state } = port;
  if (!link.up) {
    return { code: 'port-down', what: `the host veth ${link.name} is down`, fix: `ip link set ${link.name} up` };
  }
  const wanted = recorded.bridge;
  if (wanted !== undefined && bridge?.name !== wanted) {
    const now = bridge === undefined ? 'it is a port of no bridge' : `it is a port of ${bridge.name}`;
    const what = `the host veth ${link.name} is not a port of ${wanted}: ${now}`;
    return { code: 'port-off-bridge', what, fix: `ip link set ${link.name} master ${wanted}` };
  }
  if (bridge !== undefined && !bridge.up) {
    return { code: 'bridge-down', what: `the bridge ${bridge.name} is down`, fix: `ip link set ${bridge.name} up` };
  }
  if (bridge !== undefined && state !== undefined && state !== 'forwarding') {
    const what = `the port ${link.name} of ${bridge.name} does not forward: it is ${state}`;
    return { code: 'port-blocked', what, fix: `bridge link set dev ${link.name} state 3` };
  }
  if (!isGatewayMissing || flight?.atInterface?.kind === 'reset') return undefined;
  const [gateway] = recorded.gateways;
  const device = wanted ?? [...links.values()].find(({ kind }) => kind === 'bridge')?.name ?? 'BRIDGE';
  return {
    code: 'gateway-missing',
    what: `no interface of the node has the gateway's address ${ipText(start.nextHop)}, to which the container sends`,
    fix: `ip address add ${gateway === undefined ? ipText(start.nextHop) : `${formatIp(gateway.ip)}/${gateway.prefix}`} dev ${device}`,
  };
}

/** A rule or policy dropped the probe, or the question for its next hop's MAC; first in the container, then on the node. */
function filterCause(evidence: Evidence): Cause | undefined {
  const { inContainer, onNode, start } = evidence;
  const own = dropOf(inContainer, 'probe');
  if (own !== undefined) {
    const cause = ruleCause(own, 'the packet', evidence);
    return {
      ...cause,
      code: `container-${cause.code}`,
      what: `inside the container, ${cause.what}`,
      fix: insideOf(evidence, cause.fix),
    };
  }
  const dropped = dropOf(onNode, 'probe');
  if (dropped !== undefined) return ruleCause(dropped, 'the packet', evidence);
  for (const kind of ['solicitation', 'advertisement'] as const) {
    const discovery = dropOf(onNode, kind);
    if (discovery === undefined) continue;
    const question = kind === 'solicitation' ? 'the question' : 'the answer to the question';
    return ruleCause(discovery, `${question} for the MAC of ${ipText(start.nextHop)}`, evidence);
  }
  return undefined;
}

/** The packet did not leave the interface: the next hop has no MAC, or a filter that is not traced dropped it. */
function departureCause(evidence: Evidence): Cause | undefined {
  const { flight, start, origin } = evidence;
  if (flight === undefined || flight.hasLeft) return undefined;
  const where = origin.netnsPath === undefined ? 'the node' : 'the container';
  const { nextHop, neighbour, link } = start;
  if (flight.refusal !== undefined) {
    return {
      code: 'not-sent',
      what: `${where} could not send the packet: ${flight.refusal}`,
      fix: `Look at the filter and the routes there: ${insideOf(evidence, 'iptables-save')}, ${insideOf(evidence, 'ip rule')}`,
    };
  }
  if (neighbour === undefined || !['failed', 'incomplete', 'none'].includes(neighbour.state)) {
    return {
      code: 'not-sent',
      what: `the packet did not leave ${link?.name ?? 'its interface'} of ${where}, and no rule of nftables dropped it`,
      fix: `Look at what is not traced there: ${insideOf(evidence, 'iptables-legacy-save')}, ${insideOf(evidence, `tc filter show dev ${link?.name ?? ''} egress`)}`,
    };
  }
  return {
    code: 'neighbour',
    what: `nobody answers for ${ipText(nextHop)} on ${link?.name ?? ''} of ${where}: the neighbour is ${neighbour.state}`,
    fix: `Check that the host with ${ipText(nextHop)} runs and is on this network; ${insideOf(evidence, `ip neighbour show dev ${link?.name ?? ''}`)}`,
  };
}

/** What befell the packet between the hooks of the node, or on its way to the next neighbour. */
function wayCause(evidence: Evidence): Cause | undefined {
  const { port, origin, links, node, flight, start } = evidence;
  if (flight?.atInterface !== undefined && flight.atInterface.kind !== 'error') return undefined;
  const journey = probeJourney(evidence);
  if (journey === undefined) {
    if (origin.netnsPath === undefined || start.isLocal) return undefined;
    const device = port?.link.name ?? 'the host veth';
    return {
      code: 'lost-before-filter',
      what: `the packet left the container, and did not come to the filter behind ${device}`,
      fix: `Look at traffic control and netdev tables there: tc filter show dev ${device} ingress, nft list ruleset netdev`,
    };
  }
  const routed = routingCause(evidence, journey, 'the packet');
  if (routed !== undefined) return routed;
  const lost = lossAtHook(evidence, journey, 'the packet');
  if (lost !== undefined) return lost;
  const left = came(journey, false, 'postrouting', false);
  const to = left?.ends?.to;
  if (left?.output === undefined || to === undefined) return undefined;
  const onward = links.get(left.output);
  const hop = evidence.origin.netnsPath === undefined ? start.nextHop : nextHopOf(evidence, left.output, to);
  const neighbour = hop && neighbourOf(node.route, left.output, hop);
  if (neighbour === undefined || !['failed', 'incomplete'].includes(neighbour.state)) return undefined;
  return {
    code: 'neighbour',
    what: `nobody answers for ${ipText(hop)} on ${onward?.name ?? left.output} of the node: the neighbour is ${neighbour.state}`,
    fix: `Check that the host with ${ipText(hop)} runs and is on this network; ip neighbour show dev ${onward?.name ?? ''}`,
  };
}
