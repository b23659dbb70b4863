/** A node on which all is well: a way outside, two containers, and the configuration by which they were attached. */

import type { Artifact } from '../../../support/artifacts.ts';
import { succeeded } from '../../../support/cni.ts';
import { binDirOf } from '../../../support/doctor.ts';
import { createNode, type ScratchNode } from '../../../support/node.ts';
import { runtime } from '../../../support/runtime.ts';
import { type Config, network, stopForwarding } from '../../support/network.ts';

/** The file of the node's configuration. */
export const CONFIGURATION = '10-pods.conflist';

/** Makes the node; `changes` replaces keys of the usual network. */
export function healthyNode(artifact: Artifact, changes: Config = {}): ScratchNode {
  const node = createNode({ outside: true });
  try {
    stopForwarding(node.ns);
    const config = network(node, { cniVersion: '1.0.0', ...changes });
    binDirOf(node, artifact);
    node.writeConf(CONFIGURATION, { cniVersion: '1.0.0', name: 'pods', plugins: [config] });
    const pods = runtime(node, artifact, config);
    for (const container of [node.container(), node.container()]) succeeded(pods.add(container));
    return node;
  } catch (error) {
    node.delete();
    throw error;
  }
}
