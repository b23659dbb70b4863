/** Whether tests on real namespaces can run here, and skipping that cannot be overlooked. */

import { describe, test } from 'bun:test';
import { skippedName } from './skipped.ts';

const reason = whyNot();

/** True for root on Linux. */
export const canUseNetns = reason === undefined;

/** `describe` for what needs namespaces: elsewhere it is skipped under a name that says why. */
export function describeOnKernel(name: string, body: () => void): void {
  describeUnless(reason, name, body);
}

/** `describe`, skipped for the reason given, if one is. The runner shows the names of what was skipped. */
export function describeUnless(why: string | undefined, name: string, body: () => void): void {
  if (why === undefined) describe(name, body);
  else test.skip(skippedName(name, why), () => {});
}

/** `test`, skipped for the reason given, if one is. */
export function testUnless(why: string | undefined, name: string, body: () => void | Promise<void>): void {
  if (why === undefined) test(name, body);
  else test.skip(skippedName(name, why), () => {});
}

function whyNot(): string | undefined {
  if (process.platform !== 'linux') return `it needs Linux, this is ${process.platform}`;
  return process.geteuid?.() === 0 ? undefined : 'it needs root';
}
