/** The adapter of Node, for dist/trestle.cjs: koffi calls the C library, execa runs programs. */

import { Fault, reasonOf } from '../fault.ts';
import type { CFunction, Ended, ProgramCall, Runtime } from './runtime.ts';
import { type CType, SYMBOLS, type SymbolName } from './runtime.ts';

const SONAME = 'libc.so.6';
const TYPE_NAMES: Record<CType, string> = { i32: 'int32', u32: 'uint32', i64: 'int64', u64: 'uint64', ptr: 'void *' };

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder();
const neverNotified = new Int32Array(new SharedArrayBuffer(4));
let functions: Runtime['c'] | undefined;

/** Everything but the C functions, which the adapter for Bun in the tests has its own way to call. */
export const node: Omit<Runtime, 'c'> = {
  arch: process.arch,
  encode: (text) => utf8Encoder.encode(text),
  decode: (bytes) => utf8Decoder.decode(bytes),
  latin1: ({ buffer, byteOffset, length }) => Buffer.from(buffer, byteOffset, length).toString('latin1'),
  monotonicMs: () => performance.now(),
  sleepMs: (duration) => void Atomics.wait(neverNotified, 0, 0, duration),
  pid: () => process.pid,
  effectiveUser: () => process.geteuid?.() ?? 0,
  environment: () => process.env,
  programName: () => process.argv[1] ?? '',
  args: () => process.argv.slice(2),
  run,
  start: (main) => void Promise.resolve(main()).then((status) => process.exit(status)),
};

export const runtime: Runtime = {
  ...node,
  /** Linked at the first use, so that a bundle without koffi can be loaded, and says what it lacks. */
  get c() {
    functions ??= openWithKoffi();
    return functions;
  },
};

/** @throws Fault when koffi is not installed beside the bundle */
function openWithKoffi(): Runtime['c'] {
  try {
    const koffi = require('koffi') as typeof import('koffi');
    const library = koffi.load(SONAME);
    const link = (name: string, types: readonly CType[], returns: CType): CFunction => {
      const linked = library.func(
        name,
        TYPE_NAMES[returns],
        types.map((type) => TYPE_NAMES[type]),
      ) as CFunction;
      return (...args) => {
        const result = Number(linked(...args.slice(0, types.length)));
        return result < 0 ? -koffi.errno() : result;
      };
    };
    const linked = Object.entries(SYMBOLS).map(([name, { args, returns }]) => [name, link(name, args, returns)]);
    return Object.fromEntries(linked) as Record<SymbolName, CFunction>;
  } catch (cause) {
    const details = 'Under Node, the koffi package must be installed beside trestle.cjs (npm install koffi).';
    throw new Fault('internal', `cannot call the C library: ${reasonOf(cause)}`, { cause, details });
  }
}

function run({ file, args, env, input, deadlineMs }: ProgramCall, mostBytes: number): Ended {
  // Loaded at the first use: loading takes 15 ms, and most calls run no program.
  const { execaSync } = require('execa') as typeof import('execa');
  const ran = execaSync(file, args, {
    env,
    extendEnv: false,
    input,
    stripFinalNewline: false,
    timeout: deadlineMs,
    maxBuffer: mostBytes,
    killSignal: 'SIGKILL',
    reject: false,
  });
  return {
    succeeded: !ran.failed,
    started: ran.signal !== undefined || ran.exitCode !== undefined,
    timedOut: ran.timedOut,
    status: ran.isMaxBuffer
      ? `saying more than ${mostBytes} bytes`
      : (ran.signal ?? ran.exitCode ?? ran.code ?? 'an unknown cause'),
    stdout: ran.stdout ?? '',
    stderr: ran.stderr ?? '',
  };
}
