// What one container costs: ADD, CHECK, DEL with a gateway and masquerading, IPv4, one container at a time, on a network that has
// another container and on one that has none, where the packet filter's rules are made and withdrawn, too.

import { currentIptables, currentNftables, debian, referencesHere, trestle, trestleOnNode } from '../contenders.mjs';
import { CHANGES, MASQUERADED } from '../curves.mjs';
import { executableSize } from '../executable-size.mjs';
import { floorNode } from '../floor.mjs';
import { openInstruments } from '../instruments.mjs';
import { openNode } from '../node.mjs';
import { containersFor, runRounds } from '../rounds.mjs';
import { compare, median, quantile } from '../statistics.mjs';
import { target } from '../targets.mjs';

const PAIRS = 60;
const PAIRS_ON_NODE = 10;
/** The index of the container that stands on a node's network all the time, and of the first of those that are measured. */
const [STANDING, FIRST] = [0, 1];
const COMMANDS = ['ADD', 'CHECK', 'DEL', 'VERSION'];
/** The most that ours may take, as a share of a reference's median. */
const LIMITS = [{ reference: currentIptables, ADD: 0.28, CHECK: 0.65, DEL: 0.25, VERSION: 0.65 }];
const FLOORS = 4.5;
const ALONE_LIMIT = 0.35;
const PLAIN_LIMIT = 0.6;
const PEAK_LIMIT = 5;
/** Megabytes of the executable with the operator's commands, as it is and compressed by xz. */
const SIZE_LIMITS = { file: 6, compressed: 1.5 };

/** Measures. @returns the findings, as bench/report.mjs wants them. */
export async function measure({ scratch, options, print }) {
  const pairs = options.pairs ?? PAIRS;
  const open = (contender, rounds) =>
    openNode(scratch, { contender, containers: FIRST + containersFor(rounds), network: MASQUERADED });
  const nodes = [...referencesHere(), trestle].map((contender) => open(contender, pairs));
  const onNode = open(trestleOnNode, PAIRS_ON_NODE);
  const title = 'One container at a time';
  const how = `${pairs} rounds in turn, each container a fresh namespace, with a gateway and masquerading, IPv4, beside one container that stays; Node and the floor apart from them`;
  print(`
${title}: ${how}`);
  for (const node of [...nodes, onNode]) await node.call('ADD', STANDING);
  const samples = {
    ...(await runRounds(nodes, pairs, COMMANDS, FIRST)),
    ...(await runRounds([onNode], PAIRS_ON_NODE, COMMANDS, FIRST)),
  };
  const floor = floorNode(scratch, nodes.at(-1));
  Object.assign(samples, await runRounds([floor], pairs, CHANGES, FIRST));
  const all = [...nodes, onNode];
  const seen = await useInstruments(scratch, all);
  for (const node of all) node.close();
  const alone = await measureAlone(scratch, pairs, { references: referencesHere(), network: MASQUERADED });
  const plain = await measureAlone(scratch, pairs, {
    references: referencesHere()
      .filter(({ id }) => id !== currentNftables.id)
      .map(withoutBackend),
    network: { ...MASQUERADED, ipMasq: false },
  });
  const tables = [
    timeTable(samples, [...all, floor]),
    aloneTable('the only container on its network, ms', alone),
    aloneTable('the same without masquerading, ms', plain),
    costTable(samples, seen, [...all, floor]),
  ];
  const worse = worseOf(samples);
  const targets = [...targetsOf(samples, seen), ...aloneTargets(alone, plain), ...sizeTargets(scratch)];
  return { title, how, tables, worse, network: MASQUERADED, samples, alone, plain, seen, targets };
}

function timeTable(samples, nodes) {
  const head = ['ms', '', 'median', 'p90', 'min', 'n', 'of 1.1.1', '8 of 10 pairs'];
  const rows = COMMANDS.flatMap((command) =>
    nodes
      .filter(({ label }) => samples[label][command] !== undefined)
      .map((node) => timeRow(samples, command, node.contender)),
  );
  return { head, rows, left: 2 };
}

/** Containers that are the only one on their network. Without masquerading no packet filter is touched. */
async function measureAlone(scratch, pairs, { references, network }) {
  const nodes = [...references, trestle].map((contender) =>
    openNode(scratch, {
      contender,
      label: `alone-${network.ipMasq}-${contender.id}`,
      containers: containersFor(pairs),
      network,
    }),
  );
  const measured = await runRounds(nodes, pairs, CHANGES);
  for (const node of nodes) node.close();
  return Object.fromEntries(
    nodes.map(({ label, contender }) => [contender.id, { name: contender.name, ...measured[label] }]),
  );
}

/** A reference where its backend makes no difference. */
function withoutBackend(reference) {
  return { ...reference, name: reference.name.replace(/,.*/, '') };
}

function aloneTable(title, measured) {
  const head = [title, '', 'median', 'p90', 'min', 'n', 'of 1.1.1'];
  const rows = CHANGES.flatMap((command) =>
    Object.entries(measured).map(([id, { name, [command]: noted }]) => {
      const figures = [median(noted.ms), quantile(noted.ms, 0.9), Math.min(...noted.ms)].map((ms) => ms.toFixed(1));
      const isFirst = id === debian.id;
      const ratio = isFirst ? [] : [`× ${compare(noted.ms, measured[debian.id][command].ms).ratio.toFixed(2)}`];
      return [isFirst ? command : '', name, ...figures, noted.ms.length, ...ratio];
    }),
  );
  return { head, rows, left: 2 };
}

function aloneTargets(alone, plain) {
  if (plain[currentIptables.id] === undefined) return [];
  const ratio = (measured) => compare(measured[trestle.id].ADD.ms, measured[currentIptables.id].ADD.ms).ratio;
  return [
    target(`ADD of the only container, of ${currentIptables.name}`, ratio(alone), ALONE_LIMIT),
    target('ADD without masquerading, of bridge 1.9.1', ratio(plain), PLAIN_LIMIT),
  ];
}

function sizeTargets({ directory }) {
  const { megabytes, compressedMegabytes } = executableSize(trestle.file, directory);
  return [
    target('the executable', megabytes, SIZE_LIMITS.file, ' MB'),
    target('the executable, compressed by xz', compressedMegabytes, SIZE_LIMITS.compressed, ' MB'),
  ];
}

function timeRow(samples, command, { id, name }) {
  const list = samples[id][command].ms;
  const isFirst = id === debian.id;
  const figures = [median(list), quantile(list, 0.9), Math.min(...list)].map((ms) => ms.toFixed(1));
  return [isFirst ? command : '', name, ...figures, list.length, ...comparison(samples, command, id)];
}

/** Only what was run in pairs is compared pair by pair. */
function comparison(samples, command, id) {
  if (id === debian.id) return [];
  const { ratio, low, high } = compare(samples[id][command].ms, samples[debian.id][command].ms);
  const isPaired = ![trestleOnNode.id, 'floor'].includes(id);
  return [`× ${ratio.toFixed(2)}`, isPaired ? `${low.toFixed(2)} to ${high.toFixed(2)}` : ''];
}

/** @returns by contender's ID: `{ programsStarted: { ADD, DEL }, filesOpened: { ADD, DEL } }` */
async function useInstruments(scratch, nodes) {
  const seen = {};
  for (const { label, call } of nodes) {
    seen[label] = {};
    for (const [instrument, look] of Object.entries(openInstruments(scratch))) {
      const ADD = await look((under) => call('ADD', FIRST, { under }));
      const DEL = await look((under) => call('DEL', FIRST, { under }));
      seen[label][instrument] = { ADD, DEL };
    }
  }
  return seen;
}

function costTable(samples, seen, nodes) {
  const head = ['', 'processor time, ms', 'peak memory, MiB', 'programs started', 'files opened'];
  const both = ({ ADD, DEL }) => `${ADD} / ${DEL}`;
  const noted = ({ ADD, DEL }, what) => both({ ADD: median(ADD[what]).toFixed(1), DEL: median(DEL[what]).toFixed(1) });
  const rows = nodes.map(({ label, contender }) => {
    const { programsStarted, filesOpened } = seen[label] ?? {};
    const counted = seen[label] ? [both(programsStarted), both(filesOpened)] : [];
    return [contender.name, noted(samples[label], 'processorMs'), noted(samples[label], 'peakMiB'), ...counted];
  });
  return { head, rows, note: 'ADD / DEL; all processes of a call, memory of the largest (wait4); the rest: strace -f' };
}

/** Where the executable is behind Debian's reference. */
function worseOf(samples) {
  const behind = (command, what, unit) => {
    const [ours, theirs] = [trestle, debian].map(({ id }) => median(samples[id][command][what]));
    const ratio = (ours / theirs).toFixed(2);
    return ours <= theirs ? [] : [`${command}: ${ours.toFixed(1)} ${unit} against ${theirs.toFixed(1)} (× ${ratio})`];
  };
  const memory = behind('ADD', 'peakMiB', 'MiB of memory in its one process').map(
    (text) => `${text} in the largest of several`,
  );
  return [...COMMANDS.flatMap((command) => behind(command, 'ms', 'ms')), ...memory];
}

function targetsOf(samples, seen) {
  const here = LIMITS.filter(({ reference }) => samples[reference.id] !== undefined);
  const ratio = (command, { id }) => compare(samples[trestle.id][command].ms, samples[id][command].ms).ratio;
  const peak = Math.max(...CHANGES.flatMap((command) => samples[trestle.id][command].peakMiB));
  const programs = Math.max(...CHANGES.map((command) => seen[trestle.id].programsStarted[command]));
  return [
    ...here.flatMap(({ reference, ...limits }) =>
      COMMANDS.map((command) => target(`${command}, of ${reference.name}`, ratio(command, reference), limits[command])),
    ),
    target('ADD, of the floor', ratio('ADD', { id: 'floor' }), FLOORS),
    target('peak memory', peak, PEAK_LIMIT, ' MiB'),
    target('child processes', programs - 1, 0),
  ];
}
