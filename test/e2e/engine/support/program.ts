/** Small programs on the engine, made as dist/trestle is. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
// @ts-expect-error: the build has no types
import * as tools from '../../../../tools/engine.mjs';
import { scratchDirectory } from '../../../support/scratch.ts';

const SYS = join(import.meta.dir, '../../../../src/sys');

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Makes an executable of a module that may import what is in src/sys as `sys/…`; what it passes to `startWith` is called.
 * @throws Error with what the engine says where that is refused
 */
export async function program(source: string): Promise<string> {
  const bundled = await build({
    stdin: { contents: source, resolveDir: SYS, loader: 'ts' },
    bundle: true,
    write: false,
    platform: 'neutral',
    format: 'iife',
    target: 'es2023',
    conditions: ['engine'],
    alias: { sys: SYS },
    logLevel: 'silent',
  });
  const engine: string = await tools.ensureEngine(process.arch, () => {});
  const path = join(scratchDirectory(), 'program');
  writeFileSync(path, tools.makeExecutable(process.arch, engine, bundled.outputFiles[0]?.contents), { mode: 0o755 });
  return path;
}

/** A program that prints, as JSON, what the body of a function returns; `args` are its arguments, `input` its stdin. */
export async function answering(body: string): Promise<string> {
  return program(`
    import { commandLine, environment, startWith } from 'sys/process.ts';
    import { readText } from 'sys/file.ts';
    import { writeText } from 'sys/file.ts';
    import { runProgram } from 'sys/process.ts';
    import * as text from 'sys/text.ts';
    function answer(args: readonly string[], input: () => any): unknown { ${body} }
    startWith(() => {
      writeText(1, JSON.stringify(answer(commandLine().args, () => JSON.parse(readText('/proc/self/fd/0')))));
      return 0;
    });`);
}

/** Runs it to its end, at most a minute. `before` is a command that starts another. */
export function runIt(
  path: string,
  args: readonly string[] = [],
  options: { input?: string; env?: Record<string, string>; before?: readonly string[] } = {},
): Ran {
  const { input = '', env = {}, before = [] } = options;
  const ran = Bun.spawnSync([...before, path, ...args], {
    stdin: new TextEncoder().encode(input),
    env,
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: 60_000,
  });
  return {
    status: ran.signalCode ? null : ran.exitCode,
    stdout: ran.stdout.toString(),
    stderr: ran.stderr.toString(),
  };
}

/** What it answered. */
export function answerOf({ status, stdout, stderr }: Ran): unknown {
  if (status !== 0) throw new Error(`status ${status}: ${stderr}`);
  return JSON.parse(stdout);
}
