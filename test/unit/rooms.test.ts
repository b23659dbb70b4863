/** The arrows between the rooms of the source, enforced; and the checker itself, tried on made-up trees. */

import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SourceTree, violations } from '../support/rooms.ts';

const SRC = join(import.meta.dir, '../../src');

test('the source keeps to its rooms', () => {
  const tree = sourceTree();
  expect(Object.keys(tree).length).toBeGreaterThan(10);
  expect(violations(tree)).toEqual([]);
});

describe('an arrow', () => {
  test.each([
    ['main.ts', './plugins/bridge/add.ts'],
    ['cli/doctor.ts', '../plugins/bridge/add.ts'],
    ['plugins/bridge/add.ts', '../../resources/port/veth.ts'],
    ['plugins/bridge/config.ts', '../ipam/section.ts'],
    ['resources/port/veth.ts', '../../netlink/route/link.ts'],
    ['resources/port/veth.ts', '../../ipam/life.ts'],
    ['ipam/lock.ts', '../sys/flock.ts'],
    ['sys/libc.ts', '../fault.ts'],
    ['schema/net.ts', '../address/ip.ts'],
    ['netlink/nft/batch.ts', '../socket.ts'],
  ])('from %s to %s is allowed', (from, to) => {
    expect(violations({ [from]: importing(to) })).toEqual([]);
  });

  test.each([
    ['cni/plugin.ts', '../cli/doctor.ts', 'cni must not use cli; it may use ipam, netlink, sys'],
    ['cni/plugin.ts', '../plugins/bridge/add.ts', 'cni must not use plugins; it may use ipam, netlink, sys'],
    [
      'plugins/ipam/request.ts',
      '../bridge/request.ts',
      'plugins/ipam must not use plugins/bridge; of other plugins it may use plugins/ipam',
    ],
    ['resources/port/veth.ts', '../../cni/result.ts', 'resources must not use cni; it may use netlink, ipam, sys'],
    ['ipam/ranges.ts', '../resources/port/veth.ts', 'ipam must not use resources; it may use sys'],
    ['netlink/route/link.ts', '../../resources/port/veth.ts', 'netlink must not use resources; it may use sys'],
    ['sys/libc.ts', '../netlink/socket.ts', 'sys must not use netlink; it may use fault'],
    ['cli/x.ts', '../main.ts', 'cli must not use main; it may use plugins, cni'],
    ['address/ip.ts', '../schema/net.ts', 'address must not use schema; it may use fault'],
    ['fault.ts', './log.ts', 'fault must not use log; it may use nothing'],
    ['main.ts', './ipam/plan.ts', 'main must not use ipam; it may use cli, plugins, cni, sys'],
  ])('from %s to %s is not', (from, to, rule) => {
    expect(violations({ [from]: importing(to) })).toEqual([expect.stringContaining(`src/${from}:2: ${rule}`)]);
  });

  test.each([
    "import type { A } from '../cni/a.ts';",
    "import {\n  a,\n  b,\n} from '../cni/a.ts';",
    "import '../cni/a.ts';",
    "export * from '../cni/a.ts';",
    "export { a } from '../cni/a.ts';",
    "const a = await import('../cni/a.ts');",
    "const a = require('../cni/a.ts');",
    "type A = import('../cni/a.ts').A;",
  ])('is found in %j', (statement) => {
    expect(violations({ 'sys/node.ts': statement })).toEqual([expect.stringContaining('sys must not use cni')]);
  });

  test('in a comment is none', () => {
    expect(violations({ 'sys/a.ts': "// import '../cni/a.ts'\n/* import x from '../cni/a.ts'; */" })).toEqual([]);
  });

  test('in any other string is none', () => {
    expect(
      violations({ 'sys/a.ts': "export const paths = ['../cni/a.ts'];\nexport const b = { from: '../cni/b.ts' };" }),
    ).toEqual([]);
  });

  test('a room that nobody planned is refused', () => {
    expect(violations({ 'utils/misc.ts': '' })).toEqual([
      'src/utils/misc.ts:1: utils is no room that the design knows',
    ]);
  });
});

describe('a rule', () => {
  test.each([
    ["import { dlopen } from 'bun:ffi';", "'bun:ffi'"],
    ["import koffi from 'koffi';", "'koffi'"],
    ["import { execa } from 'execa';", "'execa'"],
    ["import { readFileSync } from 'node:fs';", "'node:fs'"],
    ["const z = require('./zod.ts');", 'require'],
    ['const bytes = new TextEncoder().encode(text);', 'TextEncoder'],
    ['const now = performance.now();', 'performance'],
    ['const path = process.env.PATH;', 'process'],
    ['const id = process?.pid;', 'process'],
    ["Bun.write('x', '')", 'Bun'],
  ])('keeps what only Node has in its adapter: %s', (text, mention) => {
    const rule = `${mention} belongs into sys/node.ts: the engine has no such thing`;
    expect(violations({ 'cni/a.ts': text })).toEqual([`src/cni/a.ts:1: ${rule}`]);
    expect(violations({ 'sys/file.ts': text })).toEqual([`src/sys/file.ts:1: ${rule}`]);
    expect(violations({ 'sys/node.ts': text })).toEqual([]);
  });

  test('lets a message and a key speak of what only Node has', () => {
    expect(violations({ 'cli/a.ts': "// Bun\nprint('Bun 1.2; npm install koffi', { process: 1 });" })).toEqual([]);
  });

  test('keeps the runtime in sys', () => {
    const text = "import { runtime } from '#runtime';";
    expect(violations({ 'cni/a.ts': text })).toEqual([
      "src/cni/a.ts:1: '#runtime' belongs into sys, which alone asks the runtime",
    ]);
    expect(violations({ 'sys/a.ts': text })).toEqual([]);
  });

  test.each(['environment', 'commandLine'])('keeps %s at the door', (name) => {
    const text = `import { ${name}, processId } from '../sys/process.ts';`;
    expect(violations({ 'cni/add.ts': text })).toEqual([
      'src/cni/add.ts:1: environment and arguments are read in main.ts only',
    ]);
    expect(violations({ 'main.ts': text.replace('../', './'), 'sys/a.ts': text.replace('../sys', '.') })).toEqual([]);
  });

  test('bounds the length of a file', () => {
    expect(violations({ 'cni/a.ts': 'x;\n'.repeat(250) })).toEqual([]);
    const rule = 'src/cni/a.ts:251: 251 lines, at most 250: a file holds one concept';
    expect(violations({ 'cni/a.ts': 'x;\n'.repeat(251) })).toEqual([rule]);
  });

  test('finds each circle of imports once', () => {
    const tree = {
      'cni/b.ts': "import './c.ts';",
      'cni/c.ts': "import './a.ts';",
      'cni/a.ts': "import './b.ts';\nimport './d.ts';",
      'cni/d.ts': "import './d.ts';",
      'cni/e.ts': "import './a.ts';",
    };
    expect(violations(tree)).toEqual([
      'src/cni/a.ts:1: imports go in a circle: cni/a.ts -> cni/b.ts -> cni/c.ts -> cni/a.ts',
      'src/cni/d.ts:1: imports go in a circle: cni/d.ts -> cni/d.ts',
    ]);
  });
});

function importing(specifier: string): string {
  return `/** A file. */\nimport { a } from '${specifier}';\na();\n`;
}

function sourceTree(): SourceTree {
  const paths = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  return Object.fromEntries(paths.sort().map((path) => [path, readFileSync(join(SRC, path), 'utf8')]));
}
