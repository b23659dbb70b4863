/** Names become parts of paths and links: what cannot be one is refused, wherever it comes from. */

import { describe, expect, test } from 'bun:test';
import { cni, succeeded } from '../support/cni.ts';
import { link, links } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { createNode } from '../support/node.ts';
import { e2e, footprint, network } from './support/network.ts';
import { oneErrorObject, onQuietNode } from './support/refusal.ts';

const IDENTIFIERS: [string, string][] = [
  ['a slash', 'pods/..'],
  ['a way up', '../../etc'],
  ['two dots', '..'],
  ['one dot', '.'],
  ['an absolute path', '/etc/passwd'],
  ['a dot at the front', '.trestle'],
  ['a dash at the front', '-rf'],
  ['white space', 'my pods'],
  ['a line break', 'pods\nx'],
  ['a colon', 'pods:eth0'],
  ['an escape sequence', '\u001b[31m'],
  ['letters beyond ASCII', 'größe'],
  ['300 characters', 'x'.repeat(300)],
  ['a million characters', 'x'.repeat(1_000_000)],
];

/** The environment cannot hold these. */
const ONLY_IN_JSON: [string, string][] = [
  ['NUL', 'pods\0x'],
  ['nothing', ''],
  ['NUL alone', '\0'],
];

const INTERFACES: [string, string][] = [
  ['16 bytes', 'eth0123456789012'],
  ['16 bytes in 8 letters', 'üüüüüüüü'],
  ['300 characters', 'x'.repeat(300)],
  ['a slash', 'eth/0'],
  ['two dots', '..'],
  ['one dot', '.'],
  ['white space', 'eth 0'],
  ['a tab', 'eth\t0'],
  ['a line break', 'eth0\n'],
  ['a colon', 'eth0:1'],
];

e2e('a name', (artifact) => {
  const { config, refuse } = onQuietNode(artifact);

  describe('of a network cannot be', () => {
    for (const [what, name] of [...IDENTIFIERS, ...ONLY_IN_JSON]) {
      test(what, () => {
        const error = refuse({ config: config({ name }) });
        expect(error.code).toBe(7);
        expect(error.msg).toContain('name');
        expect(refuse({ command: 'DEL', config: config({ name }) }).code).toBe(7);
      });
    }
  });

  describe('of a container cannot be', () => {
    for (const [what, id] of IDENTIFIERS.filter(([, name]) => name.length < 100_000)) {
      test(what, () => {
        const error = refuse({ env: { CNI_CONTAINERID: id } });
        expect(error.code).toBe(4);
        expect(error.msg).toContain('CNI_CONTAINERID');
        expect(refuse({ command: 'DEL', env: { CNI_CONTAINERID: id } }).code).toBe(4);
      });
    }
  });

  describe('of an interface cannot be', () => {
    for (const [what, name] of INTERFACES) {
      test(what, () => {
        const error = refuse({ env: { CNI_IFNAME: name } });
        expect(error.code).toBe(4);
        expect(error.msg).toContain('CNI_IFNAME');
      });
    }
  });

  describe('of a bridge cannot be', () => {
    for (const [what, bridge] of [...INTERFACES, ['NUL', 'cni0\0x'] as const]) {
      test(what, () => {
        const error = refuse({ config: config({ bridge }) });
        expect(error.code).toBe(7);
        expect(error.msg).toContain('bridge');
      });
    }
  });
});

e2e('a name that the kernel takes for a pattern', (artifact) => {
  test('of an interface is that interface, or is refused', () => {
    using node = createNode();
    const container = node.container();
    const before = [leftovers(node), footprint(node)];
    const outcome = cni(node, { artifact, command: 'ADD', container, ifName: 'eth%d', config: network(node) });
    expect(oneErrorObject(outcome).code).toBe(4);
    expect([leftovers(node), footprint(node)]).toEqual(before);
  });

  test('of a bridge is that bridge, or is refused', () => {
    using node = createNode();
    const container = node.container();
    const before = [leftovers(node), footprint(node)];
    const outcome = cni(node, { artifact, command: 'ADD', container, config: network(node, { bridge: 'cni%d' }) });
    expect(oneErrorObject(outcome).code).toBe(7);
    expect([leftovers(node), footprint(node)]).toEqual(before);
    expect(links(node.ns, 'bridge')).toEqual([]);
  });
});

const LONG: [string, string, string][] = [
  ['of a container', 'pods', `c${'0'.repeat(199)}`],
  ['of a network', `n${'0'.repeat(199)}`, 'web'],
  ['of both', `n${'0'.repeat(199)}`, `c${'0'.repeat(199)}`],
];

e2e('a name as long as may be', (artifact) => {
  test.each(LONG)('works: %s', (_, name, id) => {
    using node = createNode();
    const container = { ...node.container(), id };
    const config = network(node, { name, bridge: 'b23456789012345' });
    const call = { artifact, container, ifName: 'i23456789012345', config };
    const before = leftovers(node);
    const prevResult = succeeded(cni(node, { ...call, command: 'ADD' }));
    expect(link(container.ns, 'i23456789012345')).toBeDefined();
    succeeded(cni(node, { ...call, command: 'CHECK', config: { ...config, prevResult } }));
    succeeded(cni(node, { ...call, command: 'GC', config: { ...config, 'cni.dev/valid-attachments': [] } }));
    expect(leftovers(node)).toEqual(before);
    succeeded(cni(node, { ...call, command: 'DEL' }));
  });
});
