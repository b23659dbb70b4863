// What is in the bundle and in the executable, as a bill of materials: CycloneDX 1.6, JSON.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What is not bundled: the engine within the executable, and the FFI that Node needs beside the bundle. */
const BESIDE = [
  { name: 'bun', part: 'the engine of dist/trestle, which is a copy of it', scope: 'required' },
  { name: 'koffi', part: 'beside dist/trestle.cjs, not in it; dist/trestle does without', scope: 'optional' },
];

/**
 * The document, from esbuild's metafile and the lockfile. It has neither time nor serial number, so that the same sources
 * have the same one.
 */
export function billOfMaterials(root, metafile) {
  const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));
  const [pkg, lock] = [read('package.json'), read('package-lock.json')];
  const component = (folder, scope, part) => {
    const { name, version, license } = read(`${folder}/package.json`);
    const properties = part === undefined ? {} : { properties: [{ name: 'trestle:part', value: part }] };
    return {
      ...identityOf(name, version, 'library', license),
      scope,
      hashes: hashesOf(lock.packages[folder]?.integrity),
      ...properties,
    };
  };
  const bundled = foldersOf(metafile).map((folder) => component(folder, 'required'));
  const beside = BESIDE.map(({ name, scope, part }) => component(`node_modules/${name}`, scope, part));
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: identityOf(pkg.name, pkg.version, 'application', pkg.license) },
    components: [...bundled, ...beside],
  };
}

/** The folders of the packages that the bundle has files of, sorted. */
function foldersOf({ inputs, outputs }) {
  const used = Object.values(outputs).flatMap((output) => Object.keys(output.inputs));
  const folders = used
    .filter((path) => path in inputs)
    .map((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return [...new Set(folders.filter((folder) => folder !== undefined))].sort();
}

function identityOf(name, version, type, license) {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  return { type, 'bom-ref': purl, name, version, purl, licenses: [{ license: { id: license } }] };
}

/** npm's integrity is of the package as it was downloaded. */
function hashesOf(integrity = '') {
  const [algorithm, base64] = integrity.split('-');
  return algorithm === 'sha512' ? [{ alg: 'SHA-512', content: Buffer.from(base64, 'base64').toString('hex') }] : [];
}
