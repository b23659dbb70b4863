// npm run demo            three containers on a bridge, from set-up to the last trace, in scratch namespaces only
// npm run demo -- --json  the same without the show: a summary for machines at the end

import { verifyKernel } from '../tools/kernel.mjs';
import { complaint } from '../tools/run.mjs';
import { openScratch } from '../tools/scratch.mjs';
import { ensureBuild, ensureDebianPackages, ensureNpmPackages, requireLinuxRoot } from '../tools/setup.mjs';
import { plugin } from './network.mjs';
import { openReport } from './report.mjs';
import { tellStory } from './story.mjs';

const DEBIAN_PACKAGES = [
  { provides: 'ip', name: 'iproute2', why: 'to make the namespaces' },
  { provides: 'nsenter', name: 'util-linux', why: 'to enter them' },
  { provides: 'ping', name: 'iputils-ping', why: 'for the pings' },
  { provides: 'nft', name: 'nftables', why: 'to look at what the plugin put there; the plugin does without' },
];

process.exitCode = await main(process.argv.slice(2));

async function main(args) {
  const report = openReport({ isQuiet: args.includes('--json') });
  try {
    requireKnown(args);
    requireLinuxRoot();
    const scratch = await setUp(report);
    await tellStory(scratch, report);
    scratch.close();
  } catch (error) {
    report.abort(error);
    console.error(`demo: ${error.plain ? error.message : error.stack}`);
  }
  return report.finish() ? 0 : 1;
}

function requireKnown(args) {
  const unknown = args.find((arg) => arg !== '--json');
  if (unknown) throw complaint(`${unknown} is not known here; usage: npm run demo [-- --json]`);
}

async function setUp({ section, step, progress }) {
  section('Set-up', [16]);
  const done = (subject, told) => step(subject, true, [told], { told });
  done('npm packages', await ensureNpmPackages(progress));
  done('Debian packages', await ensureDebianPackages(DEBIAN_PACKAGES, progress));
  done('build', await buildIfPossible(progress));
  const scratch = openScratch('demo');
  if (scratch.swept.length > 0) done('swept', `${scratch.swept.length} namespaces and directories of a killed demo`);
  done('kernel', verifyKernel(scratch));
  return scratch;
}

/** Where Rust cannot be had there is no executable; then the same program runs on Node. */
async function buildIfPossible(progress) {
  try {
    return await ensureBuild(progress);
  } catch (error) {
    const { file } = plugin();
    if (file === undefined || !file.endsWith('.cjs')) throw error;
    return `dist/trestle.cjs only, which is slower: ${error.message}`;
  }
}
