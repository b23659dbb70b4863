// What a stopwatch does not show of a call: programs started, files opened. Each instrument is put in front of the
// plugin, for calls that are not timed.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the instruments need on the machine. */
export const INSTRUMENT_PACKAGES = [
  { provides: 'gcc', name: 'build-essential', why: 'to compile the stopwatch, and the floor' },
  { provides: '/usr/bin/strace', name: 'strace', why: 'to count programs started and files opened' },
];

/** The instruments, with their notes in a scratch directory. Each takes a call and returns a promise of a number. */
export function openInstruments({ directory }) {
  const notes = join(directory, 'instrument.txt');
  const measure = (head, read) => async (call) => {
    await call((plugin) => inFront(head, plugin));
    return read(readFileSync(notes, 'utf8').trim().split('\n'));
  };
  return {
    /** execve(2) that succeeded, the plugin's own included. */
    programsStarted: measure(strace('execve', notes), countSuccesses),
    /** open(2) and openat(2) that succeeded, by whatever process. */
    filesOpened: measure(strace('open,openat', notes), countSuccesses),
  };
}

function strace(calls, notes) {
  return ['/usr/bin/strace', '-f', '--seccomp-bpf', '-qq', '-e', `trace=${calls}`, '-e', 'signal=none', '-o', notes];
}

function inFront([file, ...args], plugin) {
  return { ...plugin, file, args: [...args, plugin.file, ...(plugin.args ?? [])] };
}

/** A call that another thread interrupted is told in two lines: "<unfinished ...>", then "<... resumed>" with the result. */
function countSuccesses(lines) {
  return lines.filter((line) => /= \d+(<.*>)?$/.test(line)).length;
}
