// A container runtime, as far as a CNI plugin can tell: it lives in the node's namespace and starts the plugin with
// CNI_* in the environment and the network configuration on stdin.

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { netnsPath } from './netns.mjs';
import { complaint } from './run.mjs';

const WORKER = fileURLToPath(new URL('runtime-worker.mjs', import.meta.url));
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Starts a runtime in a node's namespace. It is entered once, by one worker process, so that what a call is seen to
 * take is the plugin's own time: from its start to its end.
 * @returns `call(plugin, call)`, a promise of `{ ms, status, stdout, stderr, result }`, and `close()`.
 */
export function startRuntime(netns) {
  const worker = fork(WORKER, { execPath: 'nsenter', execArgv: [`--net=${netnsPath(netns)}`, process.execPath] });
  const waiting = [];
  worker.on('message', (reply) => waiting.shift().resolve(reply));
  worker.on('exit', () => {
    for (const { reject } of waiting) reject(complaint(`the runtime in ${netns} ended`));
  });
  const ask = (request) =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      worker.send(request);
    });
  return {
    call: async (plugin, call) => withResult(await ask(requestOf(plugin, call))),
    close: () => worker.disconnect(),
  };
}

/** The plugin's error object in one line, or what else there is to say about a call that failed. */
export function failureOf({ result, status, stderr, error }) {
  if (result?.msg) return `${result.msg}${result.details ? `; ${result.details}` : ''} (code ${result.code})`;
  return error ?? (stderr.trim() || `exit status ${status}`);
}

/**
 * @param plugin `{ file, args, cniPath }`; `args` also serves to put a measuring program in front
 * @param call `{ command, containerId, netns, ifname, config, prevResult }`
 */
function requestOf({ file, args = [], cniPath }, { command, containerId, netns, ifname = 'eth0', config, prevResult }) {
  const attachment = containerId && {
    CNI_CONTAINERID: containerId,
    CNI_NETNS: netns && netnsPath(netns),
    CNI_IFNAME: ifname,
  };
  const env = { PATH: SYSTEM_PATH, CNI_COMMAND: command, CNI_PATH: cniPath, ...attachment };
  return { file, args, env, input: JSON.stringify({ ...config, prevResult }) };
}

function withResult(reply) {
  return { ...reply, ok: reply.status === 0, result: parsed(reply.stdout) };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
