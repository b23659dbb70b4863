/** Why the node's routing does not take a packet that came in: it stands between the hook prerouting and the next one. */

import { formatIp, type Ip } from '../../address/ip.ts';
import { errnoText } from '../../sys/errno.ts';
import type { Evidence } from './evidence.ts';
import type { Cause } from './finding.ts';
import { came, type Journey, type Stage } from './journey.ts';
import { routing, sysctlOf } from './surroundings.ts';

/** Errnos by which the kernel refuses to route a packet that came in. */
const EXDEV = 18;
const EINVAL = 22;
const EACCES = 13;

/** @returns undefined where the packet was routed, or never came to be */
export function routingCause(evidence: Evidence, journey: Journey, whose: string): Cause | undefined {
  const stage = came(journey, false, 'prerouting', false);
  const isRouted = came(journey, false, 'input', true) ?? came(journey, false, 'forward', true);
  if (stage?.ends === undefined || isRouted !== undefined) return undefined;
  const { from, to } = stage.ends;
  const input = bridgeOr(evidence, stage);
  const interfaceName = (input === undefined ? undefined : evidence.links.get(input)?.name) ?? 'the interface';
  const { errno } = routing(evidence.node.route, { to, from, input, mark: stage.mark });
  const ends = `${formatIp(from)} to ${formatIp(to)}`;
  const isOff = forwardingOff(to, interfaceName);
  // Linux 6.13 and later answer EINVAL to both.
  const isReverse = errno === EXDEV || (errno === EINVAL && failsReversePath(evidence, from, input, interfaceName));
  if (isReverse) return reversePath(evidence, from, interfaceName, whose);
  if (errno === EINVAL) {
    const what = `the node took ${whose} from ${ends} on ${interfaceName} for martian: its source or destination cannot be there`;
    return { code: 'martian', what, fix: `ip route get ${formatIp(from)}; ip address show` };
  }
  if (isOff !== undefined && (errno !== undefined || to.family === 6)) {
    const what = `the node does not forward: ${isOff.replaceAll('/', '.')} is 0, so it dropped ${whose} from ${ends}`;
    return { code: 'forwarding-off', what, fix: `sysctl -w ${isOff.replaceAll('/', '.')}=1` };
  }
  if (errno === undefined) {
    const what = `${whose} from ${ends} was lost where the node routes it, though there is a route`;
    return { code: 'routing', what, fix: `ip route get ${formatIp(to)} from ${formatIp(from)} iif ${interfaceName}` };
  }
  const how = errno === EACCES ? 'a route prohibits it' : `there is no route to ${formatIp(to)} (${errnoText(errno)})`;
  const family = to.family === 6 ? '-6 ' : '';
  return {
    code: 'no-route-on-node',
    what: `the node does not route ${whose} from ${ends}: ${how}`,
    fix: `ip ${family}route add default via GATEWAY`,
  };
}

/** A port of a bridge routes nothing itself: its bridge does. */
function bridgeOr({ links }: Evidence, { input }: Stage): number | undefined {
  return (input === undefined ? undefined : links.get(input)?.master) ?? input;
}

/** The sysctl that is 0, as a path below /proc/sys. */
function forwardingOff({ family }: Ip, interfaceName: string): string | undefined {
  const paths =
    family === 4 ? ['ipv4/ip_forward', `ipv4/conf/${interfaceName}/forwarding`] : ['ipv6/conf/all/forwarding'];
  const path = paths.find((one) => sysctlOf(one) === '0');
  return path && `net/${path}`;
}

/** Whether the filter, strict (1) or loose (2), drops what comes in from there; the stricter of the two settings counts. */
function failsReversePath({ node }: Evidence, from: Ip, input: number | undefined, interfaceName: string): boolean {
  if (from.family !== 4) return false;
  const mode = Math.max(...['all', interfaceName].map((name) => Number(sysctlOf(`ipv4/conf/${name}/rp_filter`) ?? 0)));
  const back = routing(node.route, { to: from }).way;
  return back === undefined ? mode > 0 : mode === 1 && back.index !== input;
}

function reversePath({ node }: Evidence, from: Ip, interfaceName: string, whose: string): Cause {
  const back = routing(node.route, { to: from }).way;
  const strict = ['all', interfaceName].filter((name) => sysctlOf(`ipv4/conf/${name}/rp_filter`) === '1');
  const settings = ['all', interfaceName].map((name) => `${name} ${sysctlOf(`ipv4/conf/${name}/rp_filter`) ?? '?'}`);
  const way =
    back === undefined ? 'there is no route back to it' : 'the route back to it leads out of another interface';
  return {
    code: 'rp-filter',
    what: `the reverse path filter dropped ${whose} on ${interfaceName}: ${whose} is from ${formatIp(from)}, and ${way} (rp_filter: ${settings.join(', ')})`,
    fix: `sysctl -w ${(strict.length === 0 ? [interfaceName] : strict).map((name) => `net.ipv4.conf.${name}.rp_filter=2`).join(' ')}`,
  };
}
