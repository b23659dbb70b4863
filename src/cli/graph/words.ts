/** The words that every drawing has, whatever draws it. */

import { plainText } from '../../fault.ts';
import type { Style } from '../output/style.ts';
import { type Bridge, type Endpoint, type Graph, masquerading } from './model.ts';

/** As many characters of a container ID as `crictl` and `podman` show. */
const SHORT_ID = 12;

/** The pod, or the beginning of the container ID. A runtime may send any text as a name, so it becomes plain text. */
export function whoText({ pod, containerId }: Pick<Endpoint, 'pod' | 'containerId'>): string {
  return plainText(pod ?? (containerId.length > SHORT_ID ? containerId.slice(0, SHORT_ID) : containerId));
}

/** What is wrong with the port; empty for one that is up. */
function portText({ port, hostVeth }: Pick<Endpoint, 'port' | 'hostVeth'>): string {
  if (hostVeth === undefined) return 'no host veth is recorded';
  return { up: '', down: 'link down', missing: 'interface missing', elsewhere: 'not on the bridge' }[port];
}

/** What is noteworthy about the endpoint; empty for one that lives and has all that it needs. */
export function flawsOf(endpoint: Endpoint): string[] {
  const { state, masqueraded } = endpoint;
  // A dead container has lost its interface with its netns: that is one thing, not two.
  if (state === 'dead') return ['dead'];
  const flaws = [
    state === 'unknown' ? 'unknown' : '',
    portText(endpoint),
    masqueraded === false ? 'not masqueraded' : '',
  ];
  return flaws.filter((flaw) => flaw !== '');
}

/** What is off about the endpoint, or that it lives. */
export function stateText(endpoint: Endpoint): string {
  return flawsOf(endpoint).join(', ') || endpoint.state;
}

/** How an endpoint is to look: well, gone, or in need of a look. */
export function lookOf(endpoint: Endpoint): 'good' | 'bad' | 'doubtful' {
  if (endpoint.state === 'dead') return 'bad';
  return flawsOf(endpoint).length > 0 ? 'doubtful' : 'good';
}

export const PAINT: Readonly<Record<ReturnType<typeof lookOf>, keyof Style>> = {
  good: 'green',
  bad: 'red',
  doubtful: 'yellow',
};

/** `3 containers, 2 of 3 masqueraded`. */
export function countText(containers: readonly Endpoint[]): string {
  const { wanted, present } = masquerading(containers);
  const count = containers.length === 1 ? '1 container' : `${containers.length} containers`;
  if (wanted === 0) return count;
  const all = wanted === containers.length && present === wanted;
  return all ? `${count}, masqueraded` : `${count}, ${present} of ${wanted} masqueraded`;
}

/** `mtu 1500`, and what is off about the bridge. */
export function bridgeText({ link, mtu }: Pick<Bridge, 'link' | 'mtu'>): string {
  if (link === 'missing') return 'missing';
  return `mtu ${mtu}${link === 'down' ? ', down' : ''}`;
}

/** `forwards IPv4 and IPv6`. */
export function forwardingText({ forwarding }: Pick<Graph, 'forwarding'>): string {
  if (forwarding.length === 0) return 'forwards nothing';
  return `forwards ${forwarding.map((family) => `IPv${family}`).join(' and ')}`;
}

export const NO_WAY_OUT = 'no default route';
/** What the attachments without a bridge are. */
export const UNATTACHED = 'leases without a record, and records that name no bridge';
