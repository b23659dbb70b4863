import { expect, test } from 'bun:test';
import { statSync } from 'node:fs';
import { uptime } from 'node:os';
import { bootedAtMs } from '../../../src/sys/clock.ts';

test('the boot was before everything that was stamped in it, and not after now minus uptime', () => {
  const bound = bootedAtMs();
  expect(bound).toBeLessThan(Date.now() - uptime() * 1000);
  expect(bound).toBeLessThan(statSync('/dev/null').mtimeMs);
  expect(bound).toBeGreaterThanOrEqual(-2000);
});
