/** package-lock.json must do for `npm ci` on any machine, from any registry. */

import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface LockedPackage {
  version?: string;
  resolved?: string;
  integrity?: string;
  link?: boolean;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const lock = JSON.parse(readFileSync(join(import.meta.dir, '../../package-lock.json'), 'utf8')) as {
  packages: Record<string, LockedPackage>;
};
const packages = Object.entries(lock.packages);

test('every package that another wants is locked, those for other platforms too', () => {
  // `npm install` drops optional packages that it cannot fetch; `npm ci` then refuses the file everywhere.
  const missing = packages.flatMap(([user, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !isLocked(name, user))
      .map((name) => `${name}, wanted by ${user || 'package.json'}`),
  );
  expect(missing).toEqual([]);
});

test('every locked package has its version', () => {
  expect(packages.filter(([path, { version }]) => path !== '' && version === undefined)).toEqual([]);
});

test('the versions that are wanted are exact, so that nothing but the lockfile changes what is shipped', () => {
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(join(import.meta.dir, '../../package.json'), 'utf8'),
  );
  const wanted = Object.entries({ ...dependencies, ...devDependencies } as Record<string, string>);
  expect(wanted.length).toBeGreaterThan(5);
  expect(wanted.filter(([name, version]) => lock.packages[`node_modules/${name}`]?.version !== version)).toEqual([]);
});

test('every locked package has the hash of what is to be fetched, but for the linter on other machines', () => {
  const isLinter = (path: string) => path.startsWith('node_modules/@biomejs/cli-');
  const hashed = packages.filter(([path, { link }]) => path !== '' && link !== true && !isLinter(path));
  expect(hashed.filter(([, { integrity }]) => integrity === undefined).map(([path]) => path)).toEqual([]);
});

test('no address of a registry is in it', () => {
  expect(packages.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
});

/** Beside its user, or further up. */
function isLocked(name: string, user: string): boolean {
  const folders = user
    .split('/node_modules/')
    .map((_, depth, parts) => parts.slice(0, depth + 1).join('/node_modules/'));
  return ['', ...folders].some(
    (folder) => lock.packages[`${folder}${folder && '/'}node_modules/${name}`] !== undefined,
  );
}
