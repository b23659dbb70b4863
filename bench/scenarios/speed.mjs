// What one container costs: ADD, CHECK, DEL with a gateway and masquerading, IPv4, one container at a time.

import { paint, table } from '../../tools/screen.mjs';
import { reference, trestle, trestleOnNode } from '../contenders.mjs';
import { openInstruments } from '../instruments.mjs';
import { openNode } from '../node.mjs';
import { containersFor, runRounds } from '../rounds.mjs';
import { compare, median, quantile } from '../statistics.mjs';
import { target } from '../targets.mjs';

const PAIRS = 60;
const PAIRS_ON_NODE = 10;
const COMMANDS = ['ADD', 'CHECK', 'DEL', 'VERSION'];

const NETWORK = {
  isGateway: true,
  isDefaultGateway: true,
  ipMasq: true,
  ipam: { ranges: [[{ subnet: '10.22.0.0/16' }]] },
};

/** Measures, prints the tables. @returns the samples, what the instruments saw, and the targets. */
export async function measure({ scratch, options, print }) {
  const pairs = options.pairs ?? PAIRS;
  const open = (contender, rounds) =>
    openNode(scratch, { contender, containers: containersFor(rounds), network: NETWORK });
  const nodes = [open(reference, pairs), open(trestle, pairs)];
  const onNode = open(trestleOnNode, PAIRS_ON_NODE);
  print(`\n${pairs} pairs in turn, each container a fresh namespace; the whole process as a runtime waits for it`);
  const samples = {
    ...(await runRounds(nodes, pairs, COMMANDS)),
    ...(await runRounds([onNode], PAIRS_ON_NODE, COMMANDS)),
  };
  const seen = await useInstruments(scratch, [...nodes, onNode]);
  for (const node of [...nodes, onNode]) node.close();
  print(['', ...timeTable(samples, [...nodes, onNode]), '', ...instrumentTable(seen)].join('\n'));
  return { scenario: 'speed', network: NETWORK, samples, seen, targets: targetsOf(samples, seen) };
}

function timeTable(samples, nodes) {
  const head = ['ms', '', 'median', 'p90', 'min', 'n', 'of the reference', '8 of 10 pairs'];
  const rows = COMMANDS.flatMap((command) => nodes.map((node) => timeRow(samples, command, node.contender)));
  return table([head.map((text) => paint('dim', text)), ...rows], 2);
}

function timeRow(samples, command, { id, name }) {
  const list = samples[id][command];
  const isFirst = id === reference.id;
  const figures = [median(list), quantile(list, 0.9), Math.min(...list)].map((ms) => ms.toFixed(1));
  return [isFirst ? command : '', name, ...figures, list.length, ...comparison(samples, command, id)];
}

/** Only what was run in pairs is compared pair by pair. */
function comparison(samples, command, id) {
  if (id === reference.id) return [];
  const { ratio, low, high } = compare(samples[id][command], samples[reference.id][command]);
  return [`× ${ratio.toFixed(2)}`, id === trestle.id ? `${low.toFixed(2)} to ${high.toFixed(2)}` : ''];
}

async function useInstruments(scratch, nodes) {
  const instruments = openInstruments(scratch);
  const seen = [];
  for (const node of nodes) {
    const row = { id: node.contender.id, name: node.contender.name };
    for (const [instrument, look] of Object.entries(instruments)) {
      const ADD = await look((under) => node.call('ADD', 0, { under }));
      const DEL = await look((under) => node.call('DEL', 0, { under }));
      row[instrument] = { ADD, DEL };
    }
    seen.push(row);
  }
  return seen;
}

function instrumentTable(seen) {
  const head = ['', 'peak memory, MiB', 'programs started', 'files opened'].map((text) => paint('dim', text));
  const both = ({ ADD, DEL }, digits = 0) => `${ADD.toFixed(digits)} / ${DEL.toFixed(digits)}`;
  const rows = seen.map(({ name, peakMemory, programsStarted, filesOpened }) => [
    name,
    both(peakMemory, 1),
    both(programsStarted),
    both(filesOpened),
  ]);
  const how = 'ADD / DEL; memory: ru_maxrss of the largest process (GNU time); the rest: strace -f, itself included';
  return [...table([head, ...rows]), paint('dim', how)];
}

function targetsOf(samples, seen) {
  const ratio = (command) => compare(samples[trestle.id][command], samples[reference.id][command]).ratio;
  const { peakMemory, programsStarted } = seen.find(({ id }) => id === trestle.id);
  const most = ({ ADD, DEL }) => Math.max(ADD, DEL);
  return [
    target('ADD, of the reference', ratio('ADD'), 0.45),
    target('DEL, of the reference', ratio('DEL'), 0.5),
    target('peak memory', most(peakMemory), 48, ' MiB'),
    target('child processes', most(programsStarted) - 1, 0),
  ];
}
