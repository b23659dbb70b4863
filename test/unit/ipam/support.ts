/** What the store's tests share: fresh directories, and the fixtures. */

import { afterAll } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';

export * from './fixtures.ts';

const made: string[] = [];
afterAll(() => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true });
});

/** A fresh directory, gone when the file's tests are. */
export function scratch(): string {
  const directory = mkdtempSync(`${tmpdir()}/trestle-ipam-`);
  made.push(directory);
  return directory;
}
