/** A `trestle watch` that runs on a node for as long as a test needs it. */

import type { Artifact } from '../../support/artifacts.ts';
import { spawnIn } from '../../support/netns.ts';
import type { ScratchNode } from '../../support/node.ts';
import { placeOf } from '../../support/operator.ts';
import { patient } from '../../support/patience.ts';
import { SYSTEM_PATH } from '../../support/process.ts';

export interface Line {
  readonly level: string;
  readonly event: string;
  readonly message: string;
}

export interface Watching {
  readonly pid: number;
  /** What it has said so far. */
  readonly lines: readonly Line[];
  /** Ends it as systemd does. @returns the signal that ended it */
  stop(): Promise<string | null>;
}

/** Starts it, and waits until it has looked once. Hold it with `await using`. */
export async function watching(
  node: ScratchNode,
  artifact: Artifact,
  flags: readonly string[] = [],
): Promise<Watching & AsyncDisposable> {
  const metrics = `${node.directory}/watch.prom`;
  const argv = [artifact.path, 'watch', '--json', '--metrics', metrics, ...placeOf(node), ...flags];
  const child = spawnIn(node.ns, ['env', `PATH=${SYSTEM_PATH}`, ...argv]);
  const lines: Line[] = [];
  const read = (async () => {
    let rest = '';
    for await (const piece of child.stderr as ReadableStream<Uint8Array>) {
      rest += new TextDecoder().decode(piece);
      const parts = rest.split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) lines.push(JSON.parse(part) as Line);
    }
  })();
  const stop = async () => {
    child.kill('SIGTERM');
    await child.exited;
    await read;
    return child.signalCode === null ? null : String(child.signalCode);
  };
  await until(() => Bun.file(metrics).size > 0);
  return { pid: child.pid, lines, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

/** Waits until it is so. @returns how many milliseconds that took. @throws Error after `mostMs` */
export async function until(isSo: () => boolean, mostMs = patient(10_000)): Promise<number> {
  const started = performance.now();
  while (!isSo()) {
    if (performance.now() - started > mostMs) throw new Error(`it is not so after ${mostMs} ms`);
    await Bun.sleep(10);
  }
  return performance.now() - started;
}
