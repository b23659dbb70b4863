// A node for one contender: a namespace with a runtime in it, a data directory, containers' namespaces made beforehand.

import { join } from 'node:path';
import { ipBatch } from '../tools/netns.mjs';
import { complaint } from '../tools/run.mjs';
import { failureOf, startRuntime } from '../tools/runtime.mjs';

/**
 * Opens a node.
 * @param plan `{ contender, label, containers, network }`: `containers` says how many, `network` is what the
 *   configuration holds beside name, type and IPAM type, which are the same for all contenders but for the type
 * @returns `call(command, i, options)` on the i-th container, which throws a complaint if the call fails, and `close()`
 */
export function openNode(scratch, { contender, label = contender.id, containers, network }) {
  const [netns, ...pods] = scratch.netnsAll([label, ...Array.from({ length: containers }, (_, i) => `${label}-${i}`)]);
  ipBatch(netns, 'link set lo up\n');
  const runtime = startRuntime(netns);
  const dataDir = join(scratch.directory, label);
  const config = configuration(contender, dataDir, network);
  const call = async (command, i, { prevResult, under = (plugin) => plugin } = {}) => {
    const attachment = command === 'VERSION' ? {} : { containerId: `bench-${i}`, netns: pods[i], prevResult };
    const reply = await runtime.call(under(contender), { command, config, ...attachment });
    if (!reply.ok) throw complaint(`${contender.name}: ${command} failed: ${failureOf(reply)}`);
    return reply;
  };
  return { contender, label, config, pods, call, close: runtime.close };
}

function configuration(contender, dataDir, { ipam, ...rest }) {
  return {
    cniVersion: '1.0.0',
    name: 'bench',
    type: contender.type,
    bridge: 'cni0',
    ...rest,
    ipam: { type: 'host-local', dataDir, ...ipam },
  };
}
