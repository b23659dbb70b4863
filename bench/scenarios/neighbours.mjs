// What a container costs among others: ADD and DEL with 0, 100 and 500 containers attached to the same bridge already.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../../tools/setup.mjs';
import { referencesHere, trestle } from '../contenders.mjs';
import { openNode } from '../node.mjs';
import { plot as drawPlot } from '../plot.mjs';
import { containersFor, runRounds } from '../rounds.mjs';
import { median, quantile } from '../statistics.mjs';
import { target } from '../targets.mjs';

const COUNTS = [0, 100, 500];
const ROUNDS = 20;
const COMMANDS = ['ADD', 'DEL'];
const LIMIT = 1.25;
const PLOT = join(ROOT, 'docs/neighbours.svg');

const NETWORK = {
  isGateway: true,
  isDefaultGateway: true,
  ipMasq: true,
  ipam: { ranges: [[{ subnet: '10.22.0.0/16' }]] },
};

/** Measures at each number of neighbours, draws the plot. @returns the findings, as bench/report.mjs wants them. */
export async function measure({ scratch, options, print }) {
  const rounds = options.pairs ?? ROUNDS;
  const contenders = [...referencesHere(), trestle];
  const most = COUNTS.at(-1);
  const nodes = contenders.map((contender) =>
    openNode(scratch, { contender, containers: most + containersFor(rounds), network: NETWORK }),
  );
  const title = 'Among neighbours';
  const how = `${rounds} rounds in turn beside each number of containers on the same bridge, with a gateway and masquerading`;
  print(`\n${title}: ${how}`);
  const samples = {};
  for (const [at, count] of COUNTS.entries()) {
    for (const node of nodes) await attach(node, COUNTS[at - 1] ?? 0, count);
    samples[count] = await runRounds(nodes, rounds, COMMANDS, most);
  }
  for (const node of nodes) node.close();
  const tables = [tableOf(samples, contenders)];
  draw(samples, contenders);
  const plot = { file: PLOT, title: 'ADD and DEL beside 0, 100 and 500 containers' };
  return { title, how, tables, plot, network: NETWORK, samples, targets: targetsOf(samples) };
}

async function attach(node, from, to) {
  for (let i = from; i < to; i += 1) await node.call('ADD', i);
}

function tableOf(samples, contenders) {
  const head = ['', 'attached', 'ADD ms', '(p90)', 'DEL ms', '(p90)'];
  const rows = contenders.flatMap(({ id, name }) =>
    COUNTS.map((count, i) => [
      i === 0 ? name : '',
      count,
      ...COMMANDS.flatMap((command) => {
        const { ms } = samples[count][id][command];
        return [median(ms).toFixed(1), `(${quantile(ms, 0.9).toFixed(1)})`];
      }),
    ]),
  );
  return { head, rows };
}

function draw(samples, contenders) {
  const series = (command) =>
    contenders.map(({ id, name }) => ({
      name,
      points: COUNTS.map((count) => [count, median(samples[count][id][command].ms)]),
    }));
  const panels = COMMANDS.map((command) => ({ title: command, series: series(command) }));
  mkdirSync(dirname(PLOT), { recursive: true });
  writeFileSync(PLOT, drawPlot({ panels, xTitle: 'containers attached already', yTitle: 'milliseconds, median' }));
}

function targetsOf(samples) {
  const at = (count) => median(samples[count][trestle.id].ADD.ms);
  const [fewest, most] = [COUNTS[0], COUNTS.at(-1)];
  return [target(`ADD beside ${most} containers, of that beside ${fewest}`, at(most) / at(fewest), LIMIT)];
}
