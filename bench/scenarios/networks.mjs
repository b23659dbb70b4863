// Many networks on one node: 50 of them, each with a bridge and a subnet of its own and 20 containers. What an ADD costs in
// the last network, beside what it costs in the first.

import { trestle } from '../contenders.mjs';
import { openNode } from '../node.mjs';
import { median, quantile } from '../statistics.mjs';
import { target } from '../targets.mjs';

const NETWORKS = 50;
const CONTAINERS = 20;
const LIMIT = 1.25;
/** Networks that the table shows. */
const SHOWN = [1, 2, 10, 25, 50];

/** Measures. @returns the findings, as bench/report.mjs wants them. */
export async function measure({ scratch, options, print }) {
  const count = options.pairs ?? CONTAINERS;
  const node = openNode(scratch, { contender: trestle, containers: NETWORKS * count, network: networkOf(1) });
  const title = 'Many networks';
  const how = `${NETWORKS} networks on one node, each with a bridge and a subnet of its own and ${count} containers, with a gateway and masquerading; the first ADD of a network, which makes all that, is not counted`;
  print(`\n${title}: ${how}`);
  const samples = [];
  for (let number = 1; number <= NETWORKS; number += 1) samples.push(await addAll(node, number, count));
  node.close();
  const [first, last] = [samples[0], samples.at(-1)].map(median);
  const what = `ADD in network ${NETWORKS}, of that in network 1`;
  return { title, how, tables: [tableOf(samples)], samples, targets: [target(what, last / first, LIMIT)] };
}

/** @returns milliseconds of each ADD; the first, which makes the bridge and the set, is not among them */
async function addAll(node, number, count) {
  const config = { ...node.config, ...networkOf(number), ipam: { ...node.config.ipam, ...networkOf(number).ipam } };
  const times = [];
  for (let i = 0; i < count; i += 1) {
    const { ms } = await node.call('ADD', (number - 1) * count + i, { config });
    if (i > 0) times.push(ms);
  }
  return times;
}

function networkOf(number) {
  return {
    name: `bench-${number}`,
    bridge: `cni${number}`,
    isGateway: true,
    isDefaultGateway: true,
    ipMasq: true,
    ipam: { ranges: [[{ subnet: `10.22.${number}.0/24` }]] },
  };
}

function tableOf(samples) {
  const head = ['network', 'ADD ms', '(p90)'];
  const shown = SHOWN.filter((number) => number <= samples.length);
  const rows = shown.map((number) => {
    const times = samples[number - 1];
    return [number, median(times).toFixed(1), `(${quantile(times, 0.9).toFixed(1)})`];
  });
  return { head, rows };
}
