// npm run bench                 side by side with the reference plugins
// npm run bench -- SCENARIO     another scenario: a file in bench/scenarios
//   --pairs N       how many pairs are measured
//   --json FILE     all samples, and the machine they are from, into a file
//   --no-targets    only report: a missed target is no failure

import { readdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { complaint } from '../tools/run.mjs';
import { openScratch } from '../tools/scratch.mjs';
import { duration, paint } from '../tools/screen.mjs';
import { ensureBuild, ensureDebianPackages, ensureNpmPackages, requireLinuxRoot } from '../tools/setup.mjs';
import { ensureCurrentRelease, versions } from './contenders.mjs';
import { INSTRUMENT_PACKAGES } from './instruments.mjs';
import { describeMachine } from './machine.mjs';
import { targetLines } from './targets.mjs';

const SCENARIOS = new URL('scenarios/', import.meta.url);

const OPTIONS = {
  pairs: { type: 'string' },
  json: { type: 'string' },
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
  const { scenario, options } = await readArguments();
  await setUp();
  const about = { machine: describeMachine(), versions: versions() };
  printAbout(about);
  const start = performance.now();
  const scratch = openScratch('bench');
  const { targets, ...figures } = await scenario.measure({ scratch, options, print: console.log });
  scratch.close();
  if (options.json) writeFileSync(options.json, `${JSON.stringify({ ...about, ...figures, targets }, null, 2)}\n`);
  console.log(`\n${[...targetLines(targets), '', paint('dim', duration(performance.now() - start))].join('\n')}`);
  return options['no-targets'] || targets.every(({ ok }) => ok) ? 0 : 1;
}

async function readArguments() {
  const { values, positionals } = parsed();
  const [name = 'speed', ...others] = positionals;
  const known = readdirSync(SCENARIOS).map((file) => file.replace('.mjs', ''));
  if (others.length > 0 || !known.includes(name)) throw complaint(`name one scenario of: ${known.join(', ')}`);
  const pairs = values.pairs === undefined ? undefined : Number(values.pairs);
  if (pairs !== undefined && !(Number.isInteger(pairs) && pairs > 0)) throw complaint('--pairs takes a number above 0');
  return { scenario: await import(new URL(`${name}.mjs`, SCENARIOS)), options: { ...values, pairs } };
}

function parsed() {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw complaint(error.message);
  }
}

async function setUp() {
  requireLinuxRoot();
  const say = (text) => console.log(paint('dim', `… ${text}`));
  await ensureNpmPackages(say);
  await ensureDebianPackages(DEBIAN_PACKAGES, say);
  await ensureBuild(say);
  await ensureCurrentRelease(say);
}

function printAbout({ machine, versions: { trestle, debian, current, node } }) {
  const { cpu, cores, memoryGiB, kernel, distribution } = machine;
  const reference = `Debian's ${debian} and ${current}`;
  console.log(`${paint('bold', trestle)} beside containernetworking-plugins, ${reference}; Node ${node}`);
  console.log(`${cpu}, ${cores} cores, ${memoryGiB} GiB; Linux ${kernel}, ${distribution}`);
}
