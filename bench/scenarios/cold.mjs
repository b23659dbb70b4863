// A start from disk: the contenders' own files are dropped from the page cache before each call, as they are on a node that is
// short of memory, or at its first container. Programs that the reference runs besides (iptables) stay in memory.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../tools/run.mjs';
import { compile } from '../compile.mjs';
import { currentIptables, referencesHere, trestle } from '../contenders.mjs';
import { MASQUERADED } from '../curves.mjs';
import { PROGRAMS } from '../installed.mjs';
import { openNode } from '../node.mjs';
import { containersFor, runRounds } from '../rounds.mjs';
import { compare, median, quantile } from '../statistics.mjs';
import { target } from '../targets.mjs';

const ROUNDS = 20;
const COMMANDS = ['ADD', 'CHECK', 'DEL', 'VERSION'];
const LIMIT = 0.45;

/** Measures. @returns the findings, as bench/report.mjs wants them. */
export async function measure({ scratch, options, print }) {
  const rounds = options.pairs ?? ROUNDS;
  const containers = containersFor(rounds);
  const nodes = [...referencesHere(), trestle].map((contender) =>
    fromDisk(scratch, openNode(scratch, { contender, containers, network: MASQUERADED })),
  );
  const title = 'From disk';
  const how = `${rounds} rounds in turn; before each call the contender's files are dropped from the page cache (posix_fadvise, checked with mincore)`;
  print(`\n${title}: ${how}`);
  const samples = await runRounds(nodes, rounds, COMMANDS);
  for (const node of nodes) node.close();
  return { title, how, tables: [tableOf(samples, nodes)], network: MASQUERADED, samples, targets: targetsOf(samples) };
}

function fromDisk({ directory }, node) {
  const uncache = compile('uncache', directory);
  const { cniPath } = node.contender;
  const files = PROGRAMS.map((name) => join(cniPath, name)).filter((file) => existsSync(file));
  const call = async (...args) => {
    run(uncache, files);
    return await node.call(...args);
  };
  return { ...node, call };
}

function tableOf(samples, nodes) {
  const head = ['ms', '', 'median', 'p90', 'min', 'n', 'of 1.1.1'];
  const rows = COMMANDS.flatMap((command) =>
    nodes.map(({ label, contender: { name } }, at) => {
      const list = samples[label][command].ms;
      const figures = [median(list), quantile(list, 0.9), Math.min(...list)].map((ms) => ms.toFixed(1));
      const ratio = at === 0 ? [] : [`× ${compare(list, samples[nodes[0].label][command].ms).ratio.toFixed(2)}`];
      return [at === 0 ? command : '', name, ...figures, list.length, ...ratio];
    }),
  );
  return { head, rows, left: 2 };
}

function targetsOf(samples) {
  if (samples[currentIptables.id] === undefined) return [];
  const { ratio } = compare(samples[trestle.id].ADD.ms, samples[currentIptables.id].ADD.ms);
  return [target(`ADD from disk, of ${currentIptables.name}`, ratio, LIMIT)];
}
