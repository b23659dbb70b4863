// What a container costs on a node that already has many: ADD and DEL with up to 50,000 leases on disk, no masquerading.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { paint, table } from '../../tools/screen.mjs';
import { ROOT } from '../../tools/setup.mjs';
import { reference, trestle } from '../contenders.mjs';
import { openInstruments } from '../instruments.mjs';
import { addLeases, addRecords, SUBNET } from '../leases.mjs';
import { openNode } from '../node.mjs';
import { plot } from '../plot.mjs';
import { runRounds } from '../rounds.mjs';
import { median } from '../statistics.mjs';
import { target } from '../targets.mjs';

const COUNTS = [0, 1_000, 10_000, 50_000];
const ROUNDS = 15;
const COMMANDS = ['ADD', 'DEL'];
const PLOT = join(ROOT, 'docs/lease-scale.svg');

const NETWORK = { isGateway: true, isDefaultGateway: true, ipam: { ranges: [[{ subnet: SUBNET }]] } };

const PLANS = [
  { contender: reference, label: 'reference', name: 'bridge + host-local' },
  { contender: trestle, label: 'trestle', name: 'trestle' },
  { contender: trestle, label: 'adopted', name: 'trestle, leases made by host-local' },
];

/** Measures at each number of leases, prints the table, draws the plot. @returns the figures and the targets. */
export async function measure({ scratch, options, print }) {
  const rounds = options.pairs ?? ROUNDS;
  const nodes = PLANS.map((plan) => openNode(scratch, { ...plan, containers: 1, network: NETWORK }));
  const instruments = openInstruments(scratch);
  const steps = [];
  print(`\n${rounds} rounds in turn at each number of leases on disk, in ${SUBNET}, without masquerading`);
  for (const [i, count] of COUNTS.entries()) {
    for (const node of nodes) await fill(node, COUNTS[i - 1] ?? 0, count);
    const samples = await runRounds(nodes, rounds, COMMANDS);
    steps.push({ count, samples, filesOpened: await countFiles(instruments, nodes) });
  }
  for (const node of nodes) node.close();
  print(['', ...report(steps)].join('\n'));
  draw(steps, print);
  return { scenario: 'scale', network: NETWORK, steps, targets: targetsOf(steps) };
}

/** Ours has records beside the leases that it made itself. */
async function fill(node, from, to) {
  addLeases(node, from, to);
  if (node.label !== trestle.id || to === from) return;
  await node.call('ADD', 0);
  addRecords(node, from, to);
  await node.call('DEL', 0);
}

async function countFiles(instruments, nodes) {
  const counted = {};
  for (const { label, call } of nodes) {
    const ADD = await instruments.filesOpened((under) => call('ADD', 0, { under }));
    const DEL = await instruments.filesOpened((under) => call('DEL', 0, { under }));
    counted[label] = { ADD, DEL };
  }
  return counted;
}

function report(steps) {
  const head = ['', 'leases on disk', 'ADD ms', 'DEL ms', 'files opened: ADD', 'DEL'].map((text) => paint('dim', text));
  const rows = PLANS.flatMap(({ label, name }) =>
    steps.map(({ count, samples, filesOpened }, i) => [
      i === 0 ? name : '',
      count.toLocaleString('en'),
      ...COMMANDS.map((command) => median(samples[label][command]).toFixed(1)),
      ...COMMANDS.map((command) => filesOpened[label][command].toLocaleString('en')),
    ]),
  );
  return table([head, ...rows]);
}

function draw(steps, print) {
  const series = PLANS.slice(0, 2).map(({ label, name }) => ({ label, name }));
  const panels = COMMANDS.map((command) => ({
    title: command,
    series: series.map(({ label, name }) => ({
      name,
      points: steps.map(({ count, samples }) => [count, median(samples[label][command])]),
    })),
  }));
  mkdirSync(dirname(PLOT), { recursive: true });
  writeFileSync(PLOT, plot({ panels, xTitle: 'leases on disk', yTitle: 'milliseconds, median' }));
  print(paint('dim', `drawn: ${relative(ROOT, PLOT)}`));
}

function targetsOf(steps) {
  return ['trestle', 'adopted'].flatMap((label) =>
    COMMANDS.map((command) => {
      const [first, last] = [steps[0], steps.at(-1)].map(({ samples }) => median(samples[label][command]));
      const { name } = PLANS.find((plan) => plan.label === label);
      return target(`${command} at 50,000 leases, of that at none (${name})`, last / first, 1.25);
    }),
  );
}
