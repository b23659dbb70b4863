// Running programs: short ones synchronously, long ones without blocking, both with an error that says which and why.

import { spawn, spawnSync } from 'node:child_process';

const LONGEST = 12; // lines of a program's complaint that are shown

/** An error whose message is all that the user needs to see: no stack trace. */
export function complaint(message) {
  return Object.assign(new Error(message), { plain: true });
}

/**
 * Runs a program to its end, in a session of its own, so that Ctrl-C in a terminal does not kill it half-way.
 * @returns its stdout; throws a complaint with its stderr if it fails.
 */
export function run(file, args, options = {}) {
  const child = spawnSync(file, args, { encoding: 'utf8', detached: true, maxBuffer: 1 << 28, ...options });
  return outputOf({ file, args, ...child });
}

/** As `run`, but the program goes on hearing signals meanwhile. @returns a promise of the program's stdout. */
export async function runLong(file, args, options = {}) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const [stdout, stderr, end] = await Promise.all([textOf(child.stdout), textOf(child.stderr), endOf(child)]);
  return outputOf({ file, args, stdout, stderr, ...end });
}

/** As `run`, with the stdout read as JSON; nothing at all counts as an empty list, as `ip -j` has it. */
export function runJson(file, args, options) {
  return JSON.parse(run(file, args, options).trim() || '[]');
}

function outputOf({ file, args, status, signal, error, stdout, stderr }) {
  if (status === 0) return stdout;
  const reason = error?.message ?? (excerpt(stderr) || excerpt(stdout) || signal || `exit status ${status}`);
  throw complaint(`${[file, ...args].join(' ')}: ${reason}`);
}

function endOf(child) {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ error }));
    child.once('close', (status, signal) => resolve({ status, signal }));
  });
}

async function textOf(stream) {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk;
  return text;
}

/** Programs say what is wrong first, and then how they are used; where there is an `error:`, from there on. */
function excerpt(text) {
  const all = String(text ?? '')
    .trim()
    .split('\n');
  const error = all.findIndex((line) => line.startsWith('error'));
  const lines = all.slice(Math.max(error, 0));
  return lines.length > LONGEST ? [...lines.slice(0, LONGEST), '…'].join('\n') : lines.join('\n');
}
