// Many containers at once: so many ADDs started together, from the first start to the last end, and then as many DELs.

import { join } from 'node:path';
import { ROOT } from '../../tools/setup.mjs';
import { currentIptables, referencesHere, trestle } from '../contenders.mjs';
import { CHANGES, draw, MASQUERADED, tableOf } from '../curves.mjs';
import { openNode } from '../node.mjs';
import { compare } from '../statistics.mjs';
import { target } from '../targets.mjs';

const SIZES = [1, 10, 50];
const ROUNDS = 12;
const WARM_UP = 1;
const LIMITS = { ADD: 0.25, DEL: 0.08 };
const PLOT = join(ROOT, 'docs/crowd.svg');

/** Measures at each size, draws the plot. @returns the findings, as bench/report.mjs wants them. */
export async function measure({ scratch, options, print }) {
  const rounds = options.pairs ?? ROUNDS;
  const contenders = [...referencesHere(), trestle];
  const nodes = contenders.map((contender) =>
    openNode(scratch, { contender, containers: SIZES.at(-1), network: MASQUERADED }),
  );
  const title = 'Many containers at once';
  const how = `${rounds} rounds in turn: all ADDs started at once, then all DELs; from before the first start until the last has ended`;
  print(`\n${title}: ${how}`);
  const samples = {};
  for (const size of SIZES) samples[size] = await runCrowds(nodes, rounds, size);
  for (const node of nodes) node.close();
  const times = (size, id, command) => samples[size][id][command];
  const curves = { contenders, numbers: SIZES, times, xHead: 'at once' };
  draw(PLOT, { ...curves, xTitle: 'containers at once', yTitle: 'milliseconds until the last, median' });
  const plot = { file: PLOT, title: 'ADD and DEL of 1, 10 and 50 containers at once' };
  const tables = [tableOf(curves)];
  return { title, how, tables, plot, network: MASQUERADED, samples, targets: targetsOf(samples) };
}

/** @returns milliseconds of whole crowds, by contender's ID and command */
async function runCrowds(nodes, rounds, size) {
  const samples = Object.fromEntries(nodes.map(({ label }) => [label, { ADD: [], DEL: [] }]));
  for (let round = 0; round < rounds + WARM_UP; round += 1) {
    for (const node of round % 2 === 0 ? nodes : nodes.toReversed()) {
      for (const command of CHANGES) {
        const { ms } = await node.callMany(command, 0, size);
        if (round >= WARM_UP) samples[node.label][command].push(ms);
      }
    }
  }
  return samples;
}

function targetsOf(samples) {
  const most = SIZES.at(-1);
  const here = samples[most];
  if (here[currentIptables.id] === undefined) return [];
  return CHANGES.map((command) => {
    const { ratio } = compare(here[trestle.id][command], here[currentIptables.id][command]);
    return target(`${most} ${command}s at once, of ${currentIptables.name}`, ratio, LIMITS[command]);
  });
}
