/** Starting and talking to the processes of worker.ts. */

export interface Worker {
  readonly pid: number;
  ask<T>(command: string): Promise<T>;
  kill(): void;
}

/** Starts one. `prefix` is a command that runs it, like `unshare`. */
export function startWorker(dataDir: string, subnet: string, prefix: readonly string[] = []): Worker {
  const argv = [...prefix, process.execPath, `${import.meta.dir}/worker.ts`, dataDir, subnet];
  const child = Bun.spawn(argv, { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' });
  const answers = linesOf(child.stdout);
  return {
    pid: child.pid,
    kill: () => child.kill('SIGKILL'),
    async ask<T>(command: string) {
      child.stdin.write(`${command}\n`);
      await child.stdin.flush();
      const { value, done } = await answers.next();
      if (done === true) throw new Error(`the worker ended at "${command}"`);
      return JSON.parse(value) as T;
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const parts = text.split('\n');
    text = parts.pop() ?? '';
    yield* parts;
  }
  return undefined;
}
