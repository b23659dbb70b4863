// What is in the bundle and in the executable, as a bill of materials: CycloneDX 1.6, JSON.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What Node needs beside the bundle. */
const BESIDE = [
  { name: 'koffi', part: 'beside dist/trestle.cjs, not in it; dist/trestle does without', scope: 'optional' },
];

/** The crates of engine/Cargo.lock, which does not say under which licenses they are, or that they only help to build. */
const ENGINE_PART = 'in the engine of dist/trestle';
const LINKED = {
  'cfg-if': 'MIT OR Apache-2.0',
  dlmalloc: 'MIT OR Apache-2.0',
  libc: 'MIT OR Apache-2.0',
  'rquickjs-sys': 'MIT',
};
const NOT_LINKED = ['cc', 'find-msvc-tools', 'shlex', 'windows-link', 'windows-sys'];
/** In the engine besides crates; the first comes with rquickjs-sys, the second is the build machine's. */
const LICENSES = { 'quickjs-ng': 'MIT', musl: 'MIT' };

/**
 * The document, from esbuild's metafile, the two lockfiles, and what the engine says is in it. It has neither time nor
 * serial number, so that the same sources have the same one.
 */
export function billOfMaterials(root, metafile, inEngine) {
  const text = (path) => readFileSync(join(root, path), 'utf8');
  const read = (path) => JSON.parse(text(path));
  const [pkg, lock] = [read('package.json'), read('package-lock.json')];
  const component = (folder, scope, part) => {
    const { name, version, license } = read(`${folder}/package.json`);
    return {
      ...identityOf('npm', name, version, 'library', license),
      scope,
      hashes: hashesOf(lock.packages[folder]?.integrity),
      ...propertiesOf(part),
    };
  };
  const bundled = foldersOf(metafile).map((folder) => component(folder, 'required'));
  const beside = BESIDE.map(({ name, scope, part }) => component(`node_modules/${name}`, scope, part));
  const others = inEngine.map(({ name, version }) => ({
    ...identityOf('generic', name, version, 'library', LICENSES[name]),
    scope: 'required',
    ...propertiesOf(ENGINE_PART),
  }));
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: identityOf('npm', pkg.name, pkg.version, 'application', pkg.license) },
    components: [...bundled, ...cratesOf(text('engine/Cargo.lock')), ...others, ...beside],
  };
}

/** The crates that are linked into the engine. */
function cratesOf(lockfile) {
  const entry = /^name = "(.+)"\nversion = "(.+)"\nsource = .+\nchecksum = "(.+)"$/gm;
  const all = [...lockfile.matchAll(entry)].map(([, name, version, checksum]) => ({ name, version, checksum }));
  const unknown = all.find(({ name }) => LINKED[name] === undefined && !NOT_LINKED.includes(name));
  if (unknown !== undefined) throw new Error(`sbom.mjs does not know whether the crate ${unknown.name} is linked`);
  const linked = all.filter(({ name }) => LINKED[name] !== undefined);
  return linked.map(({ name, version, checksum }) => ({
    ...identityOf('cargo', name, version, 'library', LINKED[name]),
    scope: 'required',
    hashes: [{ alg: 'SHA-256', content: checksum }],
    ...propertiesOf(ENGINE_PART),
  }));
}

/** The folders of the packages that the bundle has files of, sorted. */
function foldersOf({ inputs, outputs }) {
  const used = Object.values(outputs).flatMap((output) => Object.keys(output.inputs));
  const folders = used
    .filter((path) => path in inputs)
    .map((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return [...new Set(folders.filter((folder) => folder !== undefined))].sort();
}

function identityOf(registry, name, version, type, license) {
  const purl = `pkg:${registry}/${name.replace('@', '%40')}@${version}`;
  const licenses = [license.includes(' ') ? { expression: license } : { license: { id: license } }];
  return { type, 'bom-ref': purl, name, version, purl, licenses };
}

function propertiesOf(part) {
  return part === undefined ? {} : { properties: [{ name: 'trestle:part', value: part }] };
}

/** npm's integrity is of the package as it was downloaded. */
function hashesOf(integrity = '') {
  const [algorithm, base64] = integrity.split('-');
  return algorithm === 'sha512' ? [{ alg: 'SHA-512', content: Buffer.from(base64, 'base64').toString('hex') }] : [];
}
