// What a container costs on a node that already has many: ADD and DEL with up to 50,000 leases on disk, no masquerading.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../../tools/setup.mjs';
import { debian, trestle } from '../contenders.mjs';
import { openInstruments } from '../instruments.mjs';
import { addLeases, addRecords, SUBNET } from '../leases.mjs';
import { openNode } from '../node.mjs';
import { plot as drawPlot } from '../plot.mjs';
import { runRounds } from '../rounds.mjs';
import { median } from '../statistics.mjs';
import { target } from '../targets.mjs';

const COUNTS = [0, 1_000, 10_000, 50_000];
const ROUNDS = 15;
const COMMANDS = ['ADD', 'DEL'];
const LIMIT = 1.1;
const PLOT = join(ROOT, 'docs/lease-scale.svg');

const NETWORK = { isGateway: true, isDefaultGateway: true, ipam: { ranges: [[{ subnet: SUBNET }]] } };

const PLANS = [
  { contender: debian, id: 'reference', name: 'bridge + host-local 1.1.1', fill: addLeases },
  { contender: trestle, id: 'trestle', name: 'trestle', fill: addLeasesWithRecords },
  { contender: trestle, id: 'adopted', name: 'trestle, leases made by host-local', fill: addLeases },
];

/** Measures at each number of leases, draws the plot. @returns the findings, as bench/report.mjs wants them. */
export async function measure({ scratch, options, print }) {
  const rounds = options.pairs ?? ROUNDS;
  const title = 'Many leases on disk';
  const how = `${rounds} rounds in turn over all numbers of leases on disk, in ${SUBNET}, with a gateway, without masquerading`;
  print(`\n${title}: ${how}`);
  const nodes = PLANS.flatMap((plan) => COUNTS.map((count) => openFilled(scratch, plan, count)));
  for (const { plan, node, count } of nodes) await plan.fill(node, count);
  const all = nodes.map(({ node }) => node);
  const samples = await runRounds(all, rounds, COMMANDS);
  const filesOpened = await countFiles(scratch, all);
  for (const node of all) node.close();
  const figures = nodes.map(({ plan, node, count }) =>
    figuresOf(plan, count, samples[node.label], filesOpened[node.label]),
  );
  draw(figures);
  const plot = { file: PLOT, title: 'ADD and DEL against the number of leases on disk' };
  const tables = [tableOf(figures)];
  return { title, how, tables, plot, network: NETWORK, samples, filesOpened, targets: targetsOf(figures) };
}

function openFilled(scratch, plan, count) {
  const label = `${plan.id}-${count}`;
  return {
    plan,
    count,
    node: openNode(scratch, { contender: plan.contender, label, containers: 1, network: NETWORK }),
  };
}

/** As ours leaves them: the first record is the plugin's own, and those of the leases are made in its image. */
async function addLeasesWithRecords(node, count) {
  addLeases(node, count);
  await node.call('ADD', 0);
  addRecords(node, count);
  await node.call('DEL', 0);
}

async function countFiles(scratch, nodes) {
  const { filesOpened } = openInstruments(scratch);
  const counted = {};
  for (const { label, call } of nodes) {
    const ADD = await filesOpened((under) => call('ADD', 0, { under }));
    const DEL = await filesOpened((under) => call('DEL', 0, { under }));
    counted[label] = { ADD, DEL };
  }
  return counted;
}

function figuresOf({ id, name }, count, samples, opened) {
  return { id, name, count, ADD: median(samples.ADD.ms), DEL: median(samples.DEL.ms), opened };
}

function tableOf(figures) {
  const head = ['', 'leases on disk', 'ADD ms', 'DEL ms', 'files opened: ADD', 'DEL'];
  const rows = figures.map(({ name, count, ADD, DEL, opened }) => [
    count === 0 ? name : '',
    ...[count.toLocaleString('en'), ADD.toFixed(1), DEL.toFixed(1)],
    ...[opened.ADD, opened.DEL].map((files) => files.toLocaleString('en')),
  ]);
  return { head, rows };
}

function draw(figures) {
  const curve = ({ id, name }, command) => {
    const own = figures.filter((figure) => figure.id === id);
    return { name, points: own.map((figure) => [figure.count, figure[command]]) };
  };
  const drawn = PLANS.slice(0, 2);
  const panels = COMMANDS.map((command) => ({ title: command, series: drawn.map((plan) => curve(plan, command)) }));
  mkdirSync(dirname(PLOT), { recursive: true });
  writeFileSync(PLOT, drawPlot({ panels, xTitle: 'leases on disk', yTitle: 'milliseconds, median' }));
}

function targetsOf(figures) {
  const [fewest, most] = [COUNTS[0], COUNTS.at(-1)];
  return PLANS.filter(({ contender }) => contender === trestle).flatMap(({ id, name }) =>
    COMMANDS.map((command) => {
      const at = (count) => figures.find((figure) => figure.id === id && figure.count === count)[command];
      const what = `${command} at ${most.toLocaleString('en')} leases, of that at ${fewest} (${name})`;
      return target(what, at(most) / at(fewest), LIMIT);
    }),
  );
}
