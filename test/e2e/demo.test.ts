/** `npm run demo`, which the README shows first: each of its steps is as it should be. */

import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { describeOnKernel } from '../support/privilege.ts';
import { tryRun } from '../support/process.ts';

interface Summary {
  readonly steps: readonly { readonly subject: string; readonly ok: boolean }[];
}

describeOnKernel('the demo', () => {
  test('goes as it should', () => {
    const node = Bun.which('node');
    if (node === null) throw new Error('node is not in PATH, and the demo runs on it');
    const done = tryRun([node, join(import.meta.dir, '../../demo/run.mjs'), '--json'], {
      env: { PATH: process.env.PATH ?? '' },
    });
    const { steps } = JSON.parse(done.stdout) as Summary;
    expect(steps.length).toBeGreaterThan(20);
    expect(steps.filter(({ ok }) => !ok)).toEqual([]);
    expect(done.status).toBe(0);
  });
});
