/**
 * A process that works on a store, for tests that need more than one: a command a line on stdin, an answer a line on
 * stdout, both JSON. `dataDir` and the subnet are its arguments.
 */

import { dlopen } from 'bun:ffi';
import { readSync } from 'node:fs';
import { formatIp } from '../../../src/address/ip.ts';
import { Fault } from '../../../src/fault.ts';
import { withLock } from '../../../src/ipam/lock.ts';
import { storeOf } from '../../../src/ipam/store.ts';
import { sleepMs } from '../../../src/sys/clock.ts';
import { leaseAddresses, releaseAddresses, statusOf } from './api.ts';
import { host, NETWORK, owner, plan } from './fixtures.ts';

const [dataDir = '', subnet = ''] = process.argv.slice(2);
const machine = host();
const network = plan(dataDir, [subnet]);
const clock = dlopen('libc.so.6', { clock_gettime: { args: ['i32', 'ptr'], returns: 'i32' } });
const held = new Map<string, string>();

const commands: Record<string, (argument: string) => unknown> = {
  /** Leases one address. */
  add: (id) => lease(id),
  del: (id) => releaseAddresses(dataDir, owner(id), machine).map(formatIp),
  status: () => statusOf(network, machine).map(({ free }) => Number(free)),
  /** Leases until there is nothing left. */
  fill(prefix) {
    for (let at = 0; ; at++) {
      try {
        held.set(`${prefix}-${at}`, lease(`${prefix}-${at}`));
      } catch (error) {
        if (error instanceof Fault && error.kind === 'exhausted') return [...held.values()];
        throw error;
      }
    }
  },
  /** Gives everything back. */
  empty() {
    for (const id of held.keys()) releaseAddresses(dataDir, owner(id), machine);
    held.clear();
    return 'empty';
  },
  /** Leases and releases at random for a while. Answers with [address, from, to], in nanoseconds of the system's clock. */
  churn(prefix) {
    const spans: [string, string, string][] = [];
    for (let at = 0; at < 120; at++) {
      const address = lease(`${prefix}-${at}`);
      const from = monotonicNs();
      sleepMs(Math.random() * 2);
      spans.push([address, String(from), String(monotonicNs())]);
      releaseAddresses(dataDir, owner(`${prefix}-${at}`), machine);
    }
    return spans;
  },
  /** Sits on the lock until it is killed. */
  hold() {
    withLock(storeOf(dataDir, NETWORK), machine, () => {
      answer('holding');
      sleepMs(60_000);
    });
  },
};

for (const line of lines()) {
  const [command = '', argument = ''] = line.split(' ');
  try {
    answer(commands[command]?.(argument));
  } catch (error) {
    answer({ kind: error instanceof Fault ? error.kind : 'none', message: String(error) });
  }
}

function lease(id: string): string {
  return formatIp(leaseAddresses(network, owner(id), machine)[0]?.address.ip as never);
}

/** The machine's clock: Bun's own begin with the process, so that those of two processes cannot be compared. */
function monotonicNs(): bigint {
  const time = new BigInt64Array(2); // struct timespec
  if (clock.symbols.clock_gettime(1, time) !== 0) throw new Error('there is no CLOCK_MONOTONIC');
  return (time[0] as bigint) * 1_000_000_000n + (time[1] as bigint);
}

function answer(value: unknown): void {
  console.log(JSON.stringify(value));
}

function* lines(): Generator<string> {
  let text = '';
  const chunk = Buffer.alloc(4096);
  for (let length = readSync(0, chunk); length > 0; length = readSync(0, chunk)) {
    text += chunk.toString('utf8', 0, length);
    const parts = text.split('\n');
    text = parts.pop() ?? '';
    yield* parts;
  }
}
