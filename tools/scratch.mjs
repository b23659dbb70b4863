// Everything that a program makes on this machine (network namespaces, a temporary directory), under names that carry
// the program and its process ID: so it can be removed at the end, whatever the end, and so a later run finds and
// removes what a killed one left behind.

import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNetns, removeNetns } from './netns.mjs';

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/**
 * Opens the scratch space of a program (`demo`, `bench`) and sees to it that it is removed when this process ends, be
 * it normally, by an error or by a signal.
 * @returns `directory`, `netns(role)` and `netnsAll(roles)` which make namespaces, and `close()`.
 */
export function openScratch(program) {
  const prefix = `trestle-${program}-`;
  const own = `${prefix}${process.pid}`;
  const swept = sweep(prefix);
  const directory = join(tmpdir(), own);
  const made = new Set();
  const close = () => {
    removeNetns(...made);
    made.clear();
    rmSync(directory, { recursive: true, force: true });
  };
  mkdirSync(directory, { mode: 0o700 });
  closeAtExit(close);
  const netnsAll = (roles) => {
    const names = roles.map((role) => `${own}-${role}`);
    for (const name of names) made.add(name);
    createNetns(...names);
    return names;
  };
  return { directory, swept, netnsAll, netns: (role) => netnsAll([role])[0], close };
}

/** Signals, and a reader of stdout that went away, end the process through the same door as all else: `exit`. */
function closeAtExit(close) {
  process.once('exit', close);
  for (const [signal, status] of Object.entries(SIGNALS)) process.on(signal, () => process.exit(status));
  process.stdout.once('error', () => process.exit(1));
}

/** Removes what killed runs of the program left. @returns the names of it. */
function sweep(prefix) {
  const isOurs = (name) => name.startsWith(prefix) && !isRunning(Number.parseInt(name.slice(prefix.length), 10));
  const namespaces = list('/run/netns').filter(isOurs);
  const directories = list(tmpdir()).filter(isOurs);
  removeNetns(...namespaces);
  for (const name of directories) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  return [...new Set([...namespaces, ...directories])];
}

/** A process of that ID that is not a Node program is a later one: IDs are used again. */
function isRunning(pid) {
  try {
    return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('run.mjs');
  } catch {
    return false;
  }
}

function list(directory) {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
