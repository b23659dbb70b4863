// The process behind `startRuntime`, inside the node's namespace: starts one program after another, and times them.

import { spawnSync } from 'node:child_process';

const TIMEOUT = 120_000; // milliseconds: a plugin that hangs is an error, not a wait without end

process.on('message', ({ file, args, env, input }) => {
  const start = process.hrtime.bigint();
  const { status, signal, error, stdout, stderr } = spawnSync(file, args, {
    env,
    input,
    encoding: 'utf8',
    timeout: TIMEOUT,
  });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  const reply = { ms, status, signal, error: error?.message, stdout: stdout ?? '', stderr: stderr ?? '' };
  process.send(reply, endWhenParentDid);
});

function endWhenParentDid(error) {
  if (error) process.exit();
}

// Ctrl-C in a terminal reaches this process too: it ends when its parent does, not before.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());
