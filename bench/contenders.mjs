// Who is measured: the reference plugins as Debian ships them, and ours in both its forms.

import { join } from 'node:path';
import { run } from '../tools/run.mjs';
import { DIST } from '../tools/setup.mjs';

const REFERENCE_DIRECTORY = '/usr/lib/cni';

/** What Debian's package brings; its `bridge` starts its `host-local`. */
export const reference = {
  name: 'bridge + host-local',
  id: 'reference',
  type: 'bridge',
  file: join(REFERENCE_DIRECTORY, 'bridge'),
  cniPath: REFERENCE_DIRECTORY,
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

/** The versions of all that is compared, for the record. */
export function versions() {
  return {
    reference: run('dpkg-query', ['--show', 'containernetworking-plugins']).trim().split('\t')[1],
    trestle: run(trestle.file, ['--version']).trim(),
    node: process.version,
  };
}
