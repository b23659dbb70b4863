// A node for one contender: a namespace with a runtime in it, a data directory, containers' namespaces made beforehand.

import { join } from 'node:path';
import { ipBatch } from '../tools/netns.mjs';
import { complaint } from '../tools/run.mjs';
import { failureOf, startRuntime } from '../tools/runtime.mjs';
import { installed } from './installed.mjs';
import { openStopwatch } from './stopwatch.mjs';

/**
 * Opens a node.
 * @param plan `{ contender, label, containers, network }`: `containers` says how many, `network` is what the
 *   configuration holds beside type and IPAM type, which are the same for all contenders but for the type
 * @returns `call(command, i, options)` on the i-th container, `callMany(command, first, count)` on so many at once, both
 *   promises of the reply and what the stopwatch noted, which throw a complaint if a call fails; `operate(args)`, the same
 *   for a command of the operator's command line, which may end with one of `statuses`; and `close()`
 */
export function openNode(scratch, { contender: wanted, label = wanted.id, containers, network }) {
  const contender = installed(scratch, wanted);
  const [netns, ...pods] = scratch.netnsAll([label, ...Array.from({ length: containers }, (_, i) => `${label}-${i}`)]);
  ipBatch(netns, 'link set lo up\n');
  const runtime = startRuntime(netns);
  const stopwatch = openStopwatch(scratch);
  const dataDir = join(scratch.directory, label);
  const config = configuration(contender, dataDir, network);
  const run = async (plugin, call) => {
    const reply = await runtime.call(plugin, { config, ...call });
    if (!reply.ok) throw complaint(`${contender.name}: ${call.command} failed: ${failureOf(reply)}`);
    return { ...reply, ...stopwatch.read() };
  };
  const call = (command, i, { under = (plugin) => plugin, ...more } = {}) => {
    const attachment = command === 'VERSION' ? {} : { containerId: `bench-${i}`, netns: pods[i] };
    return run(stopwatch.around(under(contender)), { command, ...attachment, ...more });
  };
  const callMany = (command, first, count) => {
    const netns = pods[0].replace(/0$/, '%d');
    return run(stopwatch.around(contender, count, first), { command, containerId: 'bench-%d', netns });
  };
  const operate = async (args, { statuses = [0] } = {}) => {
    const command = { ...contender, args: [...(contender.args ?? []), ...args] };
    const reply = await runtime.call(stopwatch.around(command), {});
    if (!statuses.includes(reply.status)) throw complaint(`${args.join(' ')} failed: ${failureOf(reply)}`);
    return { ...reply, ...stopwatch.read() };
  };
  return { contender, label, config, pods, call, callMany, operate, close: runtime.close };
}

/** A contender's network: what the scenario wants of it, with a bridge, and leases in `dataDir`. */
export function configuration({ type, settings }, dataDir, { ipam, ...rest }) {
  return {
    cniVersion: '1.0.0',
    name: 'bench',
    type,
    bridge: 'cni0',
    ...rest,
    ...settings,
    ipam: { type: 'host-local', dataDir, ...ipam },
  };
}
