// Who is measured: the reference plugins as Debian ships them and as they are today, and ours in both its forms.

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run, runLong } from '../tools/run.mjs';
import { DIST, ROOT } from '../tools/setup.mjs';

const DEBIAN_DIRECTORY = '/usr/lib/cni';
const MODULE = 'github.com/containernetworking/plugins';
const CURRENT = 'v1.9.1';
const CURRENT_DIRECTORY = join(ROOT, `.cache/go/plugins@${CURRENT}`);
const CURRENT_PLUGINS = ['main/bridge', 'ipam/host-local'];

/** What Debian's package brings; its `bridge` starts its `host-local`, and knows iptables alone. */
export const debian = {
  name: 'bridge 1.1.1',
  id: 'debian',
  type: 'bridge',
  file: join(DEBIAN_DIRECTORY, 'bridge'),
  cniPath: DEBIAN_DIRECTORY,
};

const current = {
  type: 'bridge',
  file: join(CURRENT_DIRECTORY, 'bridge'),
  cniPath: CURRENT_DIRECTORY,
};

/** The current release, masquerading as it does unless told otherwise. */
export const currentIptables = {
  ...current,
  name: `bridge ${CURRENT.slice(1)}, iptables`,
  id: 'current-iptables',
  settings: { ipMasqBackend: 'iptables' },
};

/** The same with its other backend. */
export const currentNftables = {
  ...current,
  name: `bridge ${CURRENT.slice(1)}, nftables`,
  id: 'current-nftables',
  settings: { ipMasqBackend: 'nftables' },
};

/** The executable that is shipped. */
export const trestle = {
  name: 'trestle',
  id: 'trestle',
  type: 'trestle',
  file: join(DIST, 'trestle'),
  cniPath: DIST,
};

/** The same program under Node. */
export const trestleOnNode = {
  ...trestle,
  name: 'trestle.cjs on Node',
  id: 'node',
  file: process.execPath,
  args: [join(DIST, 'trestle.cjs')],
};

/** The reference plugins that there are here. */
export function referencesHere() {
  return missingPlugins().length > 0 ? [debian] : [debian, currentIptables, currentNftables];
}

/**
 * Builds the current release from its Go module, unless it has been built here before. Debian's Go may be too old for it,
 * or missing: then it is left out, and that is said.
 */
export async function ensureCurrentRelease(say) {
  const missing = missingPlugins();
  if (missing.length === 0) return;
  say(`go install ${MODULE} ${CURRENT} (the reference plugins as they are today)`);
  mkdirSync(CURRENT_DIRECTORY, { recursive: true });
  const packages = missing.map((path) => `${MODULE}/plugins/${path}@${CURRENT}`);
  const env = { ...process.env, GOBIN: CURRENT_DIRECTORY, CGO_ENABLED: '0' };
  try {
    await runLong('go', ['install', ...packages], { env });
  } catch (error) {
    say(`LEFT OUT: the reference plugins ${CURRENT}: ${error.message}`);
  }
}

function missingPlugins() {
  return CURRENT_PLUGINS.filter((path) => !existsSync(join(CURRENT_DIRECTORY, path.split('/')[1])));
}

/** The versions of all that is compared, for the record. */
export function versions() {
  return {
    debian: run('dpkg-query', ['--show', 'containernetworking-plugins']).trim().split('\t')[1],
    current: CURRENT,
    trestle: run(trestle.file, ['--version']).trim(),
    node: process.version,
  };
}
