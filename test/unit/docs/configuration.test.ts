/** docs/configuration.md against the schemas that configurations are parsed by: a row for each key, and no others. */

import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KNOWN_ARGS } from '../../../src/cni/environment.ts';
import { logSchema } from '../../../src/cni/journal.ts';
import { structureOf } from '../../../src/cni/keys.ts';
import { ipamSchema } from '../../../src/ipam/config.ts';
import { mainPluginSchema } from '../../../src/plugins/bridge/request.ts';
import { ipamPluginSchema } from '../../../src/plugins/ipam/ipam-plugin.ts';
import { dns, route } from '../../../src/schema/net.ts';
import { codeOf, tablesOf } from '../../support/tables.ts';

const DOCUMENT = readFileSync(join(import.meta.dir, '../../../docs/configuration.md'), 'utf8');
const TABLES = tablesOf(DOCUMENT);

type Schema = Parameters<typeof structureOf>[0];

const MAIN = mainPluginSchema({});
const SECTIONS: Record<string, Schema> = {
  'The network': MAIN,
  ipam: ipamSchema,
  'A range': below(MAIN, 'runtimeConfig', 'ipRanges', '[]', '[]'),
  'A route': route,
  dns,
  log: logSchema,
  runtimeConfig: below(MAIN, 'runtimeConfig'),
  'args.cni': below(MAIN, 'args', 'cni'),
  'An entry of vlanTrunk': below(MAIN, 'vlanTrunk', '[]'),
};

const documented = (heading: string) =>
  TABLES.filter((table) => table.heading === heading).flatMap(({ rows }) => rows.map(([key]) => codeOf(key as string)));

test.each(Object.keys(SECTIONS))('%s: a row for each key, and each row a key', (heading) => {
  const known = keysOf(SECTIONS[heading] as Schema);
  expect(known.length).toBeGreaterThan(0);
  expect(documented(heading).sort()).toEqual(known.sort());
});

test('CNI_ARGS likewise', () => {
  expect(documented('CNI_ARGS').sort()).toEqual([...KNOWN_ARGS].sort());
});

test('no object of a configuration is without a section', () => {
  const sections = Object.values(SECTIONS).map(namesOf);
  const objects = [...objectsOf(MAIN), ...objectsOf(ipamPluginSchema)].map(namesOf);
  // "args" holds nothing but "cni"; the IPAM plugin reads fewer keys of the network.
  const exempt = ['cni', namesOf(ipamPluginSchema)];
  expect(objects.filter((names) => !sections.includes(names) && !exempt.includes(names))).toEqual([]);
  const network = documented('The network');
  expect(keysOf(ipamPluginSchema).filter((key) => !network.includes(key))).toEqual([]);
});

test('every row says type, default and meaning', () => {
  const rows = TABLES.flatMap((table) => table.rows);
  expect(rows.filter((row) => row.length !== 4 || row.slice(0, 3).includes(''))).toEqual([]);
});

test('every link leads to a heading', () => {
  const headings = [...DOCUMENT.matchAll(/^## (.+)$/gm)].map((found) => anchorOf(found[1] as string));
  const links = [...DOCUMENT.matchAll(/\]\(#([^)]+)\)/g)].map((found) => found[1]);
  expect(links.filter((link) => !headings.includes(link as string))).toEqual([]);
});

/** What stands at that path below a schema; [] for the entries of a list. */
function below(schema: Schema, ...path: string[]): Schema {
  return path.reduce((at, key) => {
    const { keys, element } = structureOf(at);
    const next = key === '[]' ? element : keys?.[key];
    if (next === undefined) throw new Error(`no schema has ${path.join('.')}`);
    return next;
  }, schema);
}

/** All objects that a value of this schema may hold, itself among them. */
function objectsOf(schema: Schema): Schema[] {
  const { keys, element } = structureOf(schema);
  const inner = [...(element === undefined ? [] : [element]), ...Object.values(keys ?? {})];
  return [...(keys === undefined ? [] : [schema]), ...inner.flatMap(objectsOf)];
}

function keysOf(schema: Schema): string[] {
  return Object.keys(structureOf(schema).keys ?? {});
}

function namesOf(schema: Schema): string {
  return keysOf(schema).sort().join(' ');
}

function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll('.', '').replaceAll(' ', '-');
}
