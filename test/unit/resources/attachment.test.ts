/** What a record tells of the process that makes the attachment. */

import { expect, test } from 'bun:test';
import type { AttachmentRecord } from '../../../src/ipam/attachment.ts';
import { createRecord } from '../../../src/ipam/record.ts';
import { isBeingMade } from '../../../src/resources/attachment.ts';

function madeBy(process?: number): AttachmentRecord {
  return createRecord({ network: 'pods', containerId: 'a', ifName: 'eth0', process }, [], 'boot', 0);
}

test('an attachment is being made while the process of its record runs this very program', async () => {
  expect(isBeingMade(madeBy(process.pid))).toBe(true);
  expect(isBeingMade(madeBy())).toBe(false);
  // Another program has the number by now; then nobody has.
  const other = Bun.spawn(['sleep', '60']);
  expect(isBeingMade(madeBy(other.pid))).toBe(false);
  other.kill();
  await other.exited;
  expect(isBeingMade(madeBy(other.pid))).toBe(false);
});
