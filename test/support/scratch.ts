/** Names and directories for what a test makes on the machine, all of it gone when the test process is. */

import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let started = false;
let count = 0;

/**
 * A name that nothing else has: `trt-<pid>-…`. What is called so and lies in /run/netns or the temporary directory is
 * removed when this process is gone, in whatever way it ended (Bun runs no exit handlers in tests). See reaper.sh.
 */
export function scratchName(): string {
  startReaper();
  const salt = Math.floor(Math.random() * 0x10000).toString(36);
  return `trt-${process.pid}-${count++}${salt}`;
}

/** A fresh directory, 0700. */
export function scratchDirectory(): string {
  const path = join(tmpdir(), scratchName());
  mkdirSync(path, { mode: 0o700 });
  return path;
}

function startReaper(): void {
  if (started) return;
  started = true;
  const script = join(import.meta.dir, 'reaper.sh');
  spawn('/bin/sh', [script, String(process.pid)], { detached: true, stdio: 'ignore' }).unref();
}
