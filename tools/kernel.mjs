// What the kernel must be able to do, tried out in a scratch namespace.

import { ipBatch, runIn } from './netns.mjs';
import { complaint } from './run.mjs';

const MASQUERADE = `table inet probe {
  set sources { type ipv4_addr; }
  chain out { type nat hook postrouting priority 100; ip saddr @sources masquerade; }
}`;

const FEATURES = {
  veth: (netns) => ipBatch(netns, 'link add probe0 type veth peer name probe1\n'),
  bridge: (netns) => ipBatch(netns, 'link add probe2 type bridge\n'),
  IPv6: (netns) => ipBatch(netns, 'address add fd00::1/64 dev probe0\n'),
  'nftables with masquerading': (netns) => runIn(netns, 'nft', MASQUERADE),
};

/**
 * Tries each feature that a container's network needs. @returns their names; throws a complaint that names the first
 * one missing.
 */
export function verifyKernel(scratch) {
  const netns = attempt('network namespaces', () => scratch.netns('probe'));
  for (const [feature, probe] of Object.entries(FEATURES)) attempt(feature, () => probe(netns));
  return ['network namespaces', ...Object.keys(FEATURES)].join(', ');
}

function attempt(feature, probe) {
  try {
    return probe();
  } catch (error) {
    const hint = 'a kernel without it, or a container that may not use it';
    throw complaint(`no ${feature} here (${hint}): ${error.message}`);
  }
}
