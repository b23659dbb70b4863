/** docs/configuration.md against the shapes that configurations are parsed by: a row for each key, and no others. */

import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KNOWN_ARGS } from '../../../src/cni/args.ts';
import { ipamPluginShape, mainPluginShape } from '../../../src/cni/config.ts';
import { logShape } from '../../../src/cni/log-config.ts';
import { ipamShape } from '../../../src/ipam/config.ts';
import { dns, route } from '../../../src/schema/net.ts';
import type { Shape } from '../../../src/schema/shape.ts';
import { codeOf, tablesOf } from '../../support/tables.ts';

const DOCUMENT = readFileSync(join(import.meta.dir, '../../../docs/configuration.md'), 'utf8');
const TABLES = tablesOf(DOCUMENT);

const { keys } = mainPluginShape;
const SECTIONS: Record<string, Shape | undefined> = {
  'The network': mainPluginShape,
  ipam: ipamShape,
  'A range': keys.runtimeConfig.keys.ipRanges.element?.element,
  'A route': route,
  dns,
  log: logShape,
  runtimeConfig: keys.runtimeConfig,
  'args.cni': keys.args.keys.cni,
  'An entry of vlanTrunk': keys.vlanTrunk.element,
};

const documented = (heading: string) =>
  TABLES.filter((table) => table.heading === heading).flatMap(({ rows }) => rows.map(([key]) => codeOf(key as string)));

test.each(Object.keys(SECTIONS))('%s: a row for each key, and each row a key', (heading) => {
  const known = Object.keys(SECTIONS[heading]?.keys ?? {});
  expect(known.length).toBeGreaterThan(0);
  expect(documented(heading).sort()).toEqual(known.sort());
});

test('CNI_ARGS likewise', () => {
  expect(documented('CNI_ARGS').sort()).toEqual([...KNOWN_ARGS].sort());
});

test('no object of a configuration is without a section', () => {
  const sections = Object.values(SECTIONS).map((shape) => namesOf(shape as Shape));
  const objects = [...objectsOf(mainPluginShape), ...objectsOf(ipamPluginShape)].map(namesOf);
  // "args" holds nothing but "cni"; the IPAM plugin reads fewer keys of the network.
  const exempt = ['cni', namesOf(ipamPluginShape)];
  expect(objects.filter((names) => !sections.includes(names) && !exempt.includes(names))).toEqual([]);
  const network = documented('The network');
  expect(Object.keys(ipamPluginShape.keys).filter((key) => !network.includes(key))).toEqual([]);
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

/** All objects that a value of this shape may hold, itself among them. */
function objectsOf(shape: Shape): Shape[] {
  const { element, keys: own } = shape.select?.({}) ?? shape;
  const below = [...(element === undefined ? [] : [element]), ...Object.values(own ?? {})];
  return [...(own === undefined ? [] : [shape.select?.({}) ?? shape]), ...below.flatMap(objectsOf)];
}

function namesOf(shape: Shape): string {
  return Object.keys(shape.keys ?? {})
    .sort()
    .join(' ');
}

function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll('.', '').replaceAll(' ', '-');
}
