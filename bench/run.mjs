// npm run bench                 side by side with the reference plugins
// npm run bench -- SCENARIO     another scenario: a file in bench/scenarios, or "all" of them
//   --pairs N         how many pairs are measured
//   --json FILE       all samples, and the machine they are from, into a file
//   --markdown FILE   the findings as a document
//   --no-targets      only report: a missed target is no failure

import { readdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { complaint } from '../tools/run.mjs';
import { openScratch } from '../tools/scratch.mjs';
import { duration, paint } from '../tools/screen.mjs';
import { ensureBuild, ensureDebianPackages, ensureNpmPackages, requireLinuxRoot } from '../tools/setup.mjs';
import { ensureCurrentRelease, versions } from './contenders.mjs';
import { INSTRUMENT_PACKAGES } from './instruments.mjs';
import { describeMachine } from './machine.mjs';
import { linesOf, markdownOf } from './report.mjs';

const SCENARIOS = new URL('scenarios/', import.meta.url);
/** In the order of a reader's interest. */
const ALL = ['speed', 'cold', 'crowd', 'pods', 'neighbours', 'scale', 'networks', 'commands'];

const OPTIONS = {
  pairs: { type: 'string' },
  json: { type: 'string' },
  markdown: { type: 'string' },
  'no-targets': { type: 'boolean', default: false },
};

const DEBIAN_PACKAGES = [
  { provides: 'ip', name: 'iproute2', why: 'to make the namespaces' },
  { provides: 'nsenter', name: 'util-linux', why: 'to enter them' },
  { provides: '/usr/lib/cni/bridge', name: 'containernetworking-plugins', why: 'the reference plugins' },
  { provides: 'iptables', name: 'iptables', why: 'the reference plugins need it' },
  { provides: '/usr/sbin/nft', name: 'nftables', why: 'the reference plugins need it' },
  ...INSTRUMENT_PACKAGES,
];

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`bench: ${error.plain ? error.message : error.stack}`);
  process.exitCode = 1;
}

async function main() {
  const { scenarios, options } = await readArguments();
  await setUp(scenarios);
  const about = { machine: describeMachine(), versions: versions() };
  printAbout(about);
  const all = [];
  for (const scenario of scenarios) all.push(await measure(scenario, options));
  if (options.json) writeFileSync(options.json, `${JSON.stringify({ ...about, scenarios: all }, null, 2)}\n`);
  if (options.markdown) writeFileSync(options.markdown, markdownOf(about, all));
  const met = all.flatMap(({ targets }) => targets).every(({ ok }) => ok);
  return options['no-targets'] || met ? 0 : 1;
}

/** Each scenario has scratch space of its own, so that none pays for what another left. */
async function measure(scenario, options) {
  const start = performance.now();
  const scratch = openScratch('bench');
  try {
    const findings = await scenario.measure({ scratch, options, print: console.log });
    console.log(['', ...linesOf(findings), '', paint('dim', duration(performance.now() - start))].join('\n'));
    return findings;
  } finally {
    scratch.close();
  }
}

async function readArguments() {
  const { values, positionals } = parsed();
  const [name = 'speed', ...others] = positionals;
  const known = readdirSync(SCENARIOS).map((file) => file.replace('.mjs', ''));
  const names = name === 'all' ? ALL : [name];
  if (others.length > 0 || !names.every((one) => known.includes(one)))
    throw complaint(`name one scenario of: ${known.join(', ')}, or all`);
  const pairs = values.pairs === undefined ? undefined : Number(values.pairs);
  if (pairs !== undefined && !(Number.isInteger(pairs) && pairs > 0)) throw complaint('--pairs takes a number above 0');
  const scenarios = await Promise.all(names.map((one) => import(new URL(`${one}.mjs`, SCENARIOS))));
  return { scenarios, options: { ...values, pairs } };
}

function parsed() {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw complaint(error.message);
  }
}

async function setUp(scenarios) {
  requireLinuxRoot();
  const say = (text) => console.log(paint('dim', `… ${text}`));
  await ensureNpmPackages(say);
  const packages = [...DEBIAN_PACKAGES, ...scenarios.flatMap((scenario) => scenario.packages ?? [])];
  await ensureDebianPackages(packages, say);
  await ensureBuild(say);
  await ensureCurrentRelease(say);
}

function printAbout({ machine, versions: { trestle, debian, current, node } }) {
  const { cpu, cores, memoryGiB, kernel, distribution } = machine;
  const reference = `Debian's ${debian} and ${current}`;
  console.log(`${paint('bold', trestle)} beside containernetworking-plugins, ${reference}; Node ${node}`);
  console.log(`${cpu}, ${cores} cores, ${memoryGiB} GiB; Linux ${kernel}, ${distribution}`);
}
