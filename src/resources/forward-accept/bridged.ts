/**
 * Finds drops of frames between the ports of a bridge that is no gateway. With net.bridge.bridge-nf-call-iptables on, such
 * frames pass FORWARD, too. The configuration asks for no accept, so a drop is only reported, with what to do.
 */

import type { Family } from '../../address/ip.ts';
import { Fault } from '../../fault.ts';
import type { Node } from '../node.ts';
import { readSysctl } from '../sysctl.ts';
import { type ForwardAcceptDriver, whatDrops } from './driver.ts';
import { type ForwardPath, mayPass, standingOf } from './path.ts';

const SYSCTL: Record<Family, string> = {
  4: 'bridge/bridge-nf-call-iptables',
  6: 'bridge/bridge-nf-call-ip6tables',
};

/**
 * The families whose bridged frames pass packet filters. Reads one small file for each; without br_netfilter the kernel has
 * none. @throws Fault `io`
 */
export function bridgedFamilies(families: readonly Family[]): Family[] {
  return families.filter((family) => readSysctl(SYSCTL[family]) === '1');
}

/**
 * A Fault `limited` where FORWARD drops the frames, and no rule on their way may accept them. Only reads. @throws KernelError,
 * SystemError
 */
export function findBridgedDrop(
  node: Node,
  drivers: readonly ForwardAcceptDriver[],
  bridge: string,
  families: readonly Family[],
): Fault | undefined {
  for (const family of families) {
    for (const driver of drivers) {
      const path = driver.read(node, family, bridge)?.path;
      if (path?.drop === undefined || isAccepted(path, bridge) || mayPass(path, bridge)) continue;
      return bridgedDrop(bridge, family, whatDrops(path.drop.by, driver.nameFor(family)));
    }
  }
  return undefined;
}

/** Whether FORWARD has an accept for the bridge, which another network of the bridge with a gateway needs. */
function isAccepted(path: ForwardPath<unknown>, bridge: string): boolean {
  return ['in place', 'too early'].includes(standingOf(path, bridge));
}

function bridgedDrop(bridge: string, family: Family, why: string): Fault {
  const sysctl = `net.${SYSCTL[family].replace('/', '.')}`;
  return new Fault('limited', `frames between the ports of ${bridge} are dropped: ${sysctl} is 1, and ${why}`, {
    details:
      `Set "forward": "auto", which accepts them, or ${sysctl} = 0 where nothing on the node needs it (Docker and ` +
      'kube-proxy may). Or set "forward": "off", if it is meant.',
  });
}
