/** What became of the answer: who refused, which rule dropped it, or why none came. */

import { containsIp, parseCidr } from '../../address/cidr.ts';
import { formatIp, type Ip, sameIp } from '../../address/ip.ts';
import { type Evidence, ipText } from './evidence.ts';
import { type Cause, dropOf, insideOf, lossAtHook, probeJourney, ruleCause } from './finding.ts';
import { came, endText, type Journey } from './journey.ts';
import { routingCause } from './routing-cause.ts';
import { isLocal } from './surroundings.ts';

/** Codes of "destination unreachable" by family (RFC 792 and 1812, RFC 4443). */
const UNREACHABLE = {
  4: {
    0: 'network unreachable',
    1: 'host unreachable',
    2: 'protocol unreachable',
    3: 'port unreachable',
    4: 'fragmentation needed',
    9: 'network administratively prohibited',
    10: 'host administratively prohibited',
    13: 'communication administratively prohibited',
  },
  6: {
    0: 'no route',
    1: 'administratively prohibited',
    3: 'address unreachable',
    4: 'port unreachable',
    5: 'source address failed a policy',
    6: 'route rejected',
  },
} as const;
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'];

export function answerCause(evidence: Evidence): Cause {
  return (
    answerOnNode(evidence, 'answer', 'the answer') ??
    answerOnNode(evidence, 'reset', 'the refusal') ??
    dropInContainer(evidence) ??
    refusalCause(evidence) ??
    answerOnNode(evidence, 'error', 'the error message about the packet') ??
    silenceCause(evidence)
  );
}

/** `port unreachable`, of an error message of ICMP. */
export function errorText(family: 4 | 6, { type, code }: { readonly type: number; readonly code: number }): string {
  const isUnreachable = type === (family === 4 ? 3 : 1);
  const known = UNREACHABLE[family] as Readonly<Record<number, string>>;
  if (isUnreachable) return known[code] ?? `unreachable (code ${code})`;
  if (family === 6 && type === 2) return 'packet too big';
  return type === (family === 4 ? 11 : 3) ? 'time exceeded' : `error (type ${type}, code ${code})`;
}

/** The answer came back to the node, and did not get on from there. */
function answerOnNode(evidence: Evidence, kind: Journey['kind'], whose: string): Cause | undefined {
  const { onNode, flight, origin } = evidence;
  const journey = onNode?.journeys.find((one) => one.kind === kind);
  if (journey === undefined || (flight?.atInterface !== undefined && kind === flight.atInterface.kind))
    return undefined;
  const dropped = dropOf(onNode, kind);
  if (dropped !== undefined) return { ...ruleCause(dropped, whose, evidence), code: 'answer-dropped' };
  const routed = routingCause(evidence, journey, whose);
  if (routed !== undefined) return { ...routed, code: `answer-${routed.code}` };
  const lost = lossAtHook(evidence, journey, whose);
  if (lost !== undefined) return { ...lost, code: `answer-${lost.code}` };
  if (origin.netnsPath !== undefined && came(journey, false, 'input', false) !== undefined && kind !== 'error') {
    const what = `${whose} came back, and the node took it for its own: connection tracking did not know it as an answer to the container`;
    return { code: 'answer-untracked', what, fix: 'nft list ruleset (look for notrack), conntrack -L' };
  }
  const left = came(journey, false, 'postrouting', false);
  if (left === undefined) return undefined;
  const what = `${whose} left the node for ${ipText(left.ends?.to)}, and did not come to the interface`;
  return { code: 'answer-lost', what, fix: 'ip neighbour show; bridge fdb show' };
}

/** The answer came to the interface, and not to the socket behind it. */
function dropInContainer(evidence: Evidence): Cause | undefined {
  const { flight, inContainer, origin } = evidence;
  if (flight?.atInterface?.kind !== 'answer') return undefined;
  const dropped = dropOf(inContainer, 'answer');
  const where = origin.netnsPath === undefined ? 'the node' : 'the container';
  if (dropped !== undefined) {
    const cause = ruleCause(dropped, `inside ${where}, the answer`, evidence);
    return { ...cause, code: 'answer-dropped', fix: insideOf(evidence, cause.fix) };
  }
  const what = `the answer came to the interface of ${where}, which dropped it: its own filter or rp_filter`;
  return { code: 'answer-dropped-inside', what, fix: insideOf(evidence, 'nft list ruleset') };
}

/** The target, or a router, said no. */
function refusalCause(evidence: Evidence): Cause | undefined {
  const { flight, target, protocol, node } = evidence;
  const seen = flight?.atInterface ?? flight?.atSocket;
  if (seen === undefined || seen.kind === 'answer' || seen.kind === 'probe') return undefined;
  const { ip, port } = target;
  const listens = `Start what should listen on port ${port}, or look where it listens: ss -lnp${protocol === 'udp' ? 'u' : 't'}`;
  if (seen.kind === 'reset') {
    return {
      code: 'refused',
      what: `${endText(ip, port)} refused the connection: nothing listens there`,
      fix: listens,
    };
  }
  const { error = { type: 0, code: 0 } } = seen;
  const text = errorText(ip.family, error);
  const isNode = isLocal(node.route, seen.from);
  const from = sameIp(seen.from, ip)
    ? formatIp(ip)
    : isNode
      ? `the node (${formatIp(seen.from)})`
      : formatIp(seen.from);
  if (text === 'port unreachable' && protocol === 'udp') {
    return { code: 'refused', what: `${from} refused the datagram: nothing listens on port ${port}`, fix: listens };
  }
  const what = `${from} answered with an error: ${text}`;
  return { code: 'unreachable', what, fix: `Look at routes and filters of ${from}.` };
}

/** The packet went its way, and nothing came back. */
function silenceCause(evidence: Evidence): Cause {
  const { target, links, timeoutMs, protocol, start, recorded } = evidence;
  const journey = probeJourney(evidence);
  const left = came(journey, false, 'postrouting', false);
  const delivered = came(journey, false, 'input', false);
  const within = `within ${timeoutMs / 1000} s`;
  if (delivered !== undefined) {
    const what = `the packet came to ${ipText(delivered.ends?.to ?? target.ip)} on the node itself, and no answer left it ${within}`;
    const fix =
      protocol === 'icmp' ? 'sysctl net.ipv4.icmp_echo_ignore_all' : `ss -lnp${protocol === 'udp' ? 'u' : 't'}`;
    return { code: protocol === 'udp' ? 'silent-udp' : 'silent', what: withUdp(what, protocol), fix };
  }
  const device = left?.output === undefined ? undefined : links.get(left.output);
  const from = left?.ends?.from ?? start.source;
  const isOutside = device !== undefined && device.kind !== 'bridge' && evidence.origin.netnsPath !== undefined;
  if (isOutside && from !== undefined && start.source !== undefined && sameIp(from, start.source) && isPrivate(from)) {
    return {
      code: 'not-masqueraded',
      what: `the packet left ${device.name} with the container's own address ${formatIp(from)} as its source (it is not masqueraded), and no answer came ${within}: ${formatIp(target.ip)} has no way back to it, unless it has a route`,
      fix: recorded.isMasqueraded
        ? 'The record says that it is masqueraded: "trestle doctor" says which rule is missing.'
        : 'Set "ipMasq": true in the network configuration, and restart the container.',
    };
  }
  const by = device === undefined ? '' : ` by ${device.name} from ${ipText(from)}`;
  const what = `the packet left${by}, and no answer came from ${formatIp(target.ip)} ${within}`;
  const fix = `Look on ${formatIp(target.ip)}: does it run, does its own filter drop ${ipText(from)}, has it a route back?`;
  return { code: protocol === 'udp' ? 'silent-udp' : 'silent', what: withUdp(what, protocol), fix };
}

function withUdp(what: string, protocol: Evidence['protocol']): string {
  return protocol === 'udp' ? `${what} (UDP has no answer of its own: the datagram may have been taken)` : what;
}

function isPrivate(ip: Ip): boolean {
  return PRIVATE.some((text) => {
    const network = parseCidr(text);
    return network !== undefined && containsIp(network, ip);
  });
}
