// The operator's commands of the plugin's executable, on the demo's node.

import { spawnSync } from 'node:child_process';
import { netnsPath } from '../tools/netns.mjs';
import { complaint } from '../tools/run.mjs';
import { plugin } from './network.mjs';

const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Runs `trestle ARGS` in the node's namespace, with the demo's directories, so that nothing of the machine is looked at.
 * @returns the exit status and what was printed
 */
export function trestle(node, { directory, dataDir }, ...args) {
  const places = ['--data-dir', dataDir, '--conf-dir', `${directory}/net.d`];
  const argv = [`--net=${netnsPath(node)}`, plugin().file, ...args, ...places];
  const { status, stdout, stderr, error } = spawnSync('nsenter', argv, {
    encoding: 'utf8',
    env: { PATH: SYSTEM_PATH },
  });
  if (error !== undefined) throw complaint(`trestle ${args[0]} cannot be run: ${error.message}`);
  return { status, stdout, stderr };
}
