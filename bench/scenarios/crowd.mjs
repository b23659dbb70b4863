// Many containers at once: so many ADDs started together, from the first start to the last end, and then as many DELs.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../../tools/setup.mjs';
import { currentIptables, referencesHere, trestle } from '../contenders.mjs';
import { openNode } from '../node.mjs';
import { plot as drawPlot } from '../plot.mjs';
import { compare, median, quantile } from '../statistics.mjs';
import { target } from '../targets.mjs';

const SIZES = [1, 10, 50];
const ROUNDS = 12;
const WARM_UP = 1;
const COMMANDS = ['ADD', 'DEL'];
const LIMIT = 0.6;
const PLOT = join(ROOT, 'docs/crowd.svg');

const NETWORK = {
  isGateway: true,
  isDefaultGateway: true,
  ipMasq: true,
  ipam: { ranges: [[{ subnet: '10.22.0.0/16' }]] },
};

/** Measures at each size, draws the plot. @returns the findings, as bench/report.mjs wants them. */
export async function measure({ scratch, options, print }) {
  const rounds = options.pairs ?? ROUNDS;
  const contenders = [...referencesHere(), trestle];
  const nodes = contenders.map((contender) =>
    openNode(scratch, { contender, containers: SIZES.at(-1), network: NETWORK }),
  );
  const title = 'Many containers at once';
  const how = `${rounds} rounds in turn: all ADDs started at once, then all DELs; from before the first start until the last has ended`;
  print(`\n${title}: ${how}`);
  const samples = {};
  for (const size of SIZES) samples[size] = await runCrowds(nodes, rounds, size);
  for (const node of nodes) node.close();
  const tables = [tableOf(samples, contenders)];
  draw(samples, contenders);
  const plot = { file: PLOT, title: 'ADD and DEL of 1, 10 and 50 containers at once' };
  return { title, how, tables, plot, network: NETWORK, samples, targets: targetsOf(samples) };
}

/** @returns milliseconds of whole crowds, by contender's ID and command */
async function runCrowds(nodes, rounds, size) {
  const samples = Object.fromEntries(nodes.map(({ label }) => [label, { ADD: [], DEL: [] }]));
  for (let round = 0; round < rounds + WARM_UP; round += 1) {
    for (const node of round % 2 === 0 ? nodes : nodes.toReversed()) {
      for (const command of COMMANDS) {
        const { ms } = await node.callMany(command, 0, size);
        if (round >= WARM_UP) samples[node.label][command].push(ms);
      }
    }
  }
  return samples;
}

function tableOf(samples, contenders) {
  const head = ['', 'at once', 'ADD ms', '(p90)', 'DEL ms', '(p90)'];
  const rows = contenders.flatMap(({ id, name }) =>
    SIZES.map((size, i) => [
      i === 0 ? name : '',
      size,
      ...COMMANDS.flatMap((command) => {
        const list = samples[size][id][command];
        return [median(list).toFixed(1), `(${quantile(list, 0.9).toFixed(1)})`];
      }),
    ]),
  );
  return { head, rows };
}

function draw(samples, contenders) {
  const series = (command) =>
    contenders.map(({ id, name }) => ({
      name,
      points: SIZES.map((size) => [size, median(samples[size][id][command])]),
    }));
  const panels = COMMANDS.map((command) => ({ title: command, series: series(command) }));
  mkdirSync(dirname(PLOT), { recursive: true });
  writeFileSync(
    PLOT,
    drawPlot({ panels, xTitle: 'containers at once', yTitle: 'milliseconds until the last, median' }),
  );
}

function targetsOf(samples) {
  const most = SIZES.at(-1);
  const here = samples[most];
  if (here[currentIptables.id] === undefined) return [];
  return COMMANDS.map((command) => {
    const { ratio } = compare(here[trestle.id][command], here[currentIptables.id][command]);
    return target(`${most} ${command}s at once, of ${currentIptables.name}`, ratio, LIMIT);
  });
}
