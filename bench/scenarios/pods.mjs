// What a whole pod costs through containerd: RunPodSandbox, and StopPodSandbox with RemovePodSandbox, as kubelet calls them; and
// how much of it is the plugin.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, runLong } from '../../tools/run.mjs';
import { ROOT } from '../../tools/setup.mjs';
import { debian, referencesHere, trestle } from '../contenders.mjs';
import { MASQUERADED } from '../curves.mjs';
import { installed } from '../installed.mjs';
import { configuration } from '../node.mjs';
import { median, quantile } from '../statistics.mjs';

const BUN = join(ROOT, 'node_modules/.bin/bun');
const CONTAINERD = '/usr/bin/containerd';
const CROWDS = [
  { size: 1, rounds: 15 },
  { size: 10, rounds: 5 },
];
/** The figures, by the names that bench/sandboxes.ts has for them. */
const CALLS = { run: 'RunPodSandbox', remove: 'StopPodSandbox, RemovePodSandbox' };
const STORE = '/var/lib/cni/networks';

/** A pod's namespace, and a plugin in it that does nothing. */
const nothing = {
  name: 'a plugin that does nothing',
  id: 'nothing',
  type: 'nothing',
  file: join(ROOT, 'bench/nothing.sh'),
};
/** A pod on the node's network, for which no plugin is called. */
const without = { ...trestle, name: 'without network', id: 'without', network: 'NODE' };

/** What this scenario needs on the machine besides what all do. */
export const packages = [
  { provides: CONTAINERD, name: 'containerd', why: 'the runtime that pods are run through' },
  { provides: '/usr/sbin/runc', name: 'runc', why: 'what containerd starts containers with' },
  { provides: '/usr/bin/busybox', name: 'busybox-static', why: "the pods' image" },
];

/** Measures. @returns the findings, as bench/report.mjs wants them. */
export async function measure({ scratch, options, print }) {
  const crowds = CROWDS.map(({ size, rounds }) => ({ size, rounds: options.pairs ?? rounds }));
  const contenders = [...referencesHere(), trestle, nothing, without];
  const title = 'Whole pods';
  const how = `${crowds.map(inWords).join(' and ')}, in turn, through the CRI of containerd ${versionOfContainerd()}, each contender with a containerd of its own, with a gateway and masquerading, IPv4; from before the first call until the last has been answered`;
  print(`\n${title}: ${how}`);
  const samples = await runSandboxes(scratch, {
    nodes: contenders.map((one) => nodeOf(installed(scratch, one))),
    crowds,
  });
  const tables = crowds.map(({ size }) => tableOf(samples, contenders, size));
  return { title, how, tables, network: MASQUERADED, samples, targets: [] };
}

/** Has them run by the program that can. It ends when the pipe that is its stdin does, and that is when this process ends. */
async function runSandboxes({ directory }, plan) {
  const file = join(directory, 'pods.json');
  writeFileSync(file, JSON.stringify(plan));
  const program = join(ROOT, 'bench/sandboxes.ts');
  return JSON.parse(await runLong(BUN, [program, file], { stdio: ['pipe', 'pipe', 'pipe'] }));
}

function nodeOf({ network = 'POD', ...contender }) {
  const config = configuration(contender, STORE, MASQUERADED);
  return { label: contender.id, network, config, plugins: pluginsOf(contender) };
}

/** containerd calls `loopback` for each pod itself. */
function pluginsOf({ type, file, cniPath }) {
  const ipam = type === 'bridge' ? { 'host-local': join(cniPath, 'host-local') } : {};
  return { [type]: file, ...ipam, loopback: join(debian.cniPath, 'loopback') };
}

/**
 * The table of one size of crowd, as bench/report.mjs wants it. A plugin's share of a call is what the call takes longer than
 * with a plugin that does nothing.
 * @param samples by contender's ID and size: milliseconds, `{ run: […], remove: […] }`
 */
export function tableOf(samples, contenders, size) {
  const head = [size === 1 ? 'one pod, ms' : `${size} pods at once, ms`];
  const rows = Object.keys(CALLS).flatMap((call) => {
    const times = ({ id }) => samples[id][size][call];
    return contenders.map((contender) => rowOf(call, contender, times));
  });
  const note = "the plugin's share: what a call takes longer than with a plugin that does nothing";
  return { head: [...head, '', 'median', 'p90', 'n', 'of 1.1.1', "the plugin's share"], rows, left: 2, note };
}

function rowOf(call, contender, times) {
  const list = times(contender);
  const isFirst = contender.id === debian.id;
  const figures = [median(list), quantile(list, 0.9)].map((ms) => ms.toFixed(1));
  const ratio = isFirst ? '' : `× ${(median(list) / median(times(debian))).toFixed(2)}`;
  const isPlugin = ![nothing.id, without.id].includes(contender.id);
  const share = isPlugin ? `${Math.round(100 * (1 - median(times(nothing)) / median(list)))} %` : '';
  return [isFirst ? CALLS[call] : '', contender.name, ...figures, list.length, ratio, share];
}

function inWords({ size, rounds }) {
  return `${rounds} rounds of ${size === 1 ? 'one pod' : `${size} pods at once`}`;
}

function versionOfContainerd() {
  return run(CONTAINERD, ['--version']).trim().split(' ')[2];
}
