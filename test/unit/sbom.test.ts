/** The bill of materials, from a made-up bundle of the packages that are installed here. */

import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
// @ts-expect-error: the build has no types
import { billOfMaterials } from '../../sbom.mjs';

const ROOT = join(import.meta.dir, '../..');
const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly scope: string;
  readonly hashes: readonly { alg: string; content: string }[];
  readonly licenses: readonly { license: { id: string } }[];
}

const used = [
  'src/main.ts',
  'node_modules/zod/v4/core/core.js',
  'node_modules/@sec-ant/readable-stream/dist/x.js',
  'node_modules/zod/a.js',
];
const inputs = Object.fromEntries([...used, 'node_modules/leven/index.js'].map((path) => [path, {}]));
const outputs = { 'dist/trestle.cjs': { inputs: Object.fromEntries(used.map((path) => [path, {}])) } };
const inEngine = [
  { name: 'quickjs-ng', version: '0.16.2' },
  { name: 'musl', version: '1.2.3' },
];
const bill = billOfMaterials(ROOT, { inputs, outputs }, inEngine);
const components: readonly Component[] = bill.components;

test('lists what went into the bundle once, then the engine and what stands beside', () => {
  expect([bill.bomFormat, bill.specVersion, bill.metadata.component.name]).toEqual(['CycloneDX', '1.6', 'trestle-cni']);
  expect(components.map(({ name, scope }) => [name, scope])).toEqual([
    ['@sec-ant/readable-stream', 'required'],
    ['zod', 'required'],
    ['cfg-if', 'required'],
    ['dlmalloc', 'required'],
    ['libc', 'required'],
    ['rquickjs-sys', 'required'],
    ['quickjs-ng', 'required'],
    ['musl', 'required'],
    ['koffi', 'optional'],
  ]);
});

test('each package with the version and the hash that are locked, and its license', () => {
  for (const { name, version, hashes, licenses, purl } of components.filter(({ purl }) =>
    purl.startsWith('pkg:npm/'),
  )) {
    const locked = lock.packages[`node_modules/${name}`];
    const content = Buffer.from(locked.integrity.slice('sha512-'.length), 'base64').toString('hex');
    expect([version, hashes]).toEqual([locked.version, [{ alg: 'SHA-512', content }]]);
    expect(purl).toBe(`pkg:npm/${name.replace('@', '%40')}@${version}`);
    expect(licenses[0]?.license.id).toBe(locked.license);
  }
});

test('each crate with the version and the hash that are locked', () => {
  const locked = readFileSync(join(ROOT, 'engine/Cargo.lock'), 'utf8');
  const crates = components.filter(({ purl }) => purl.startsWith('pkg:cargo/'));
  expect(crates.length).toBe(4);
  for (const { name, version, hashes } of crates) {
    expect(locked).toContain(`name = "${name}"\nversion = "${version}"\n`);
    expect(locked).toContain(`checksum = "${hashes[0]?.content}"`);
  }
});

test('what the engine says is in it has its version', () => {
  expect(components.filter(({ purl }) => purl.startsWith('pkg:generic/')).map(({ purl }) => purl)).toEqual([
    'pkg:generic/quickjs-ng@0.16.2',
    'pkg:generic/musl@1.2.3',
  ]);
});

test('says nothing of where and when', () => {
  const text = JSON.stringify(bill);
  expect(text).toBe(JSON.stringify(billOfMaterials(ROOT, { inputs, outputs }, inEngine)));
  expect(text).not.toContain(ROOT);
  expect(text).not.toMatch(/timestamp|serialNumber|resolved/);
});
