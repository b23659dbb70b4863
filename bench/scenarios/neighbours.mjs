// What a container costs among others: ADD and DEL with 0, 100 and 500 containers attached to the same bridge already.

import { join } from 'node:path';
import { ROOT } from '../../tools/setup.mjs';
import { referencesHere, trestle } from '../contenders.mjs';
import { CHANGES, draw, MASQUERADED, tableOf } from '../curves.mjs';
import { openNode } from '../node.mjs';
import { containersFor, runRounds } from '../rounds.mjs';
import { median } from '../statistics.mjs';
import { target } from '../targets.mjs';

const COUNTS = [0, 100, 500];
const ROUNDS = 60;
const LIMIT = 1.3;
const PLOT = join(ROOT, 'docs/neighbours.svg');

/** Measures at each number of neighbours, draws the plot. @returns the findings, as bench/report.mjs wants them. */
export async function measure({ scratch, options, print }) {
  const rounds = options.pairs ?? ROUNDS;
  const contenders = [...referencesHere(), trestle];
  const most = COUNTS.at(-1);
  const nodes = contenders.map((contender) =>
    openNode(scratch, { contender, containers: most + containersFor(rounds), network: MASQUERADED }),
  );
  const title = 'Among neighbours';
  const how = `${rounds} rounds in turn beside each number of containers on the same bridge, with a gateway and masquerading`;
  print(`\n${title}: ${how}`);
  const samples = {};
  for (const [at, count] of COUNTS.entries()) {
    for (const node of nodes) await attach(node, COUNTS[at - 1] ?? 0, count);
    samples[count] = await runRounds(nodes, rounds, CHANGES, most);
  }
  for (const node of nodes) node.close();
  const times = (count, id, command) => samples[count][id][command].ms;
  const curves = { contenders, numbers: COUNTS, times, xHead: 'attached' };
  draw(PLOT, { ...curves, xTitle: 'containers attached already', yTitle: 'milliseconds, median' });
  const plot = { file: PLOT, title: 'ADD and DEL beside 0, 100 and 500 containers' };
  const tables = [tableOf(curves)];
  return { title, how, tables, plot, network: MASQUERADED, samples, targets: targetsOf(times) };
}

async function attach(node, from, to) {
  for (let i = from; i < to; i += 1) await node.call('ADD', i);
}

function targetsOf(times) {
  const at = (count) => median(times(count, trestle.id, 'ADD'));
  const [fewest, most] = [COUNTS[0], COUNTS.at(-1)];
  return [target(`ADD beside ${most} containers, of that beside ${fewest}`, at(most) / at(fewest), LIMIT)];
}
