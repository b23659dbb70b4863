/** A control group that a program can be put into: both versions of the kernel's interface. */

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchName } from '../../support/scratch.ts';

const ROOT = '/sys/fs/cgroup';
const FILES = {
  memory: { 1: 'memory.limit_in_bytes', 2: 'memory.max' },
  pids: { 1: 'pids.max', 2: 'pids.max' },
} as const;

export type Controller = keyof typeof FILES;

export interface Cgroup extends Disposable {
  /** What a shell does to get into it. */
  readonly enter: string;
}

/** Why there can be none; undefined where there can. */
export function whyNoCgroup(controller: Controller): string | undefined {
  return versionOf(controller) === undefined
    ? `the control group controller ${controller} is not to be had`
    : undefined;
}

/** Makes one with a limit. What is in it must have ended before it is disposed of. */
export function createCgroup(controller: Controller, limit: number): Cgroup {
  const version = versionOf(controller) ?? 2;
  const path = join(version === 1 ? join(ROOT, controller) : ROOT, scratchName());
  mkdirSync(path);
  writeFileSync(join(path, FILES[controller][version]), String(limit));
  return { enter: `echo $$ > ${path}/cgroup.procs || exit 99`, [Symbol.dispose]: () => remove(path) };
}

function versionOf(controller: Controller): 1 | 2 | undefined {
  if (existsSync(join(ROOT, controller, FILES[controller][1])) || existsSync(join(ROOT, controller, 'cgroup.procs'))) {
    return 1;
  }
  const unified = join(ROOT, 'cgroup.subtree_control');
  return existsSync(unified) && readFileSync(unified, 'utf8').split(/\s+/).includes(controller) ? 2 : undefined;
}

/** A process that has ended is counted a moment longer. */
function remove(path: string): void {
  for (let tries = 1; ; tries++) {
    try {
      rmdirSync(path);
      return;
    } catch (error) {
      if (tries === 100) throw error;
      Bun.sleepSync(20);
    }
  }
}
