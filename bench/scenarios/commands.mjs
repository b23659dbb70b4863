// The operator's commands on a node with 500 attached containers: time and peak memory of each.

import { trestle } from '../contenders.mjs';
import { MASQUERADED } from '../curves.mjs';
import { openNode } from '../node.mjs';
import { median, quantile } from '../statistics.mjs';
import { target } from '../targets.mjs';

const CONTAINERS = 500;
const ROUNDS = 20;
const WARM_UP = 1;
const MOST_MS = 300;
const MOST_MIB = 32;

/** The ID of the last container that is attached; `openNode` numbers them. */
const LAST = `bench-${CONTAINERS - 1}`;

/** What is measured. `doctor` may have findings about a node without an uplink, and then ends with the status 1. */
const COMMANDS = [
  { args: ['list'] },
  { args: ['list', '--json'] },
  { args: ['show', LAST] },
  { args: ['graph'] },
  { args: ['graph', '--svg'] },
  { args: ['doctor'], statuses: [0, 1] },
];

/** Attaches the containers and measures. @returns the findings, as bench/report.mjs wants them. */
export async function measure({ scratch, options, print }) {
  const rounds = options.pairs ?? ROUNDS;
  const title = "The operator's commands";
  const how = `${rounds} rounds in turn, on a node with ${CONTAINERS} containers on one bridge, with a gateway and masquerading`;
  print(`\n${title}: ${how}`);
  const node = openNode(scratch, { contender: trestle, containers: CONTAINERS, network: MASQUERADED });
  for (let i = 0; i < CONTAINERS; i += 1) await node.call('ADD', i);
  const samples = await runRounds(node, rounds);
  node.close();
  const figures = COMMANDS.map(({ args }) => ({ name: nameOf(args), ...samples[nameOf(args)] }));
  return { title, how, tables: [tableOf(figures)], network: MASQUERADED, samples, targets: targetsOf(figures) };
}

/** @returns by command: `{ ms: [12.1, …], peakMiB: […] }` */
async function runRounds(node, rounds) {
  const samples = Object.fromEntries(COMMANDS.map(({ args }) => [nameOf(args), { ms: [], peakMiB: [] }]));
  for (let round = 0; round < rounds + WARM_UP; round += 1) {
    for (const { args, statuses } of COMMANDS) {
      const { ms, peakMiB } = await node.operate([...args, ...placeOf(node)], { statuses });
      if (round < WARM_UP) continue;
      samples[nameOf(args)].ms.push(ms);
      samples[nameOf(args)].peakMiB.push(peakMiB);
    }
  }
  return samples;
}

/** No command reads the machine's own configurations and leases. */
function placeOf({ config: { ipam } }) {
  return ['--data-dir', ipam.dataDir, '--conf-dir', `${ipam.dataDir}/net.d`];
}

function nameOf(args) {
  return `trestle ${args.join(' ').replace(LAST, 'CONTAINER')}`;
}

function tableOf(figures) {
  const head = ['', 'ms', '(p10–p90)', 'n', 'peak MiB'];
  const rows = figures.map(({ name, ms, peakMiB }) => [
    name,
    median(ms).toFixed(1),
    `(${quantile(ms, 0.1).toFixed(1)}–${quantile(ms, 0.9).toFixed(1)})`,
    ms.length,
    Math.max(...peakMiB).toFixed(1),
  ]);
  return { head, rows };
}

function targetsOf(figures) {
  return figures.flatMap(({ name, ms, peakMiB }) => [
    target(`${name} with ${CONTAINERS} containers`, median(ms), MOST_MS, ' ms'),
    target(`${name} with ${CONTAINERS} containers, peak memory`, Math.max(...peakMiB), MOST_MIB, ' MiB'),
  ]);
}
