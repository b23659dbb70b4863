/** The drawing of `trestle graph` for a terminal. */

import { describe, expect, test } from 'bun:test';
import { graphText } from '../../../../src/cli/graph/text.ts';
import { styleFor } from '../../../../src/cli/output/style.ts';
import { bridgeOf, endpointOf, endpoints, graphOf, hostileGraph } from './values.ts';

const plain = styleFor({ isColoured: false });

describe('the drawing as text', () => {
  test('shows the way from the outside to each container', () => {
    const second = endpointOf({
      ...{ pod: undefined, addresses: ['10.89.0.30/24'], hostVeth: 'veth1', state: 'dead', port: 'missing' },
    });
    const other = bridgeOf([], { name: 'lan0', addresses: [], networks: [], otherPorts: ['eth1'], link: 'down' });
    const drawn = graphText(graphOf({ bridges: [bridgeOf([endpointOf(), second]), other] }), plain);
    expect(drawn).toBe(`╭─ outside ───╮
│ 203.0.113.1 │
╰─┬───────────╯
  │ eth0  203.0.113.2/24
  ┊ forwards IPv4 and IPv6
  │
  ├─┬─ cni0 ────────────────────────────────────╮
  │ │ 10.89.0.1/24  fd00:89::1/64               │
  │ │ pods  mtu 1500  2 containers, masqueraded │
  │ ├───────────────────────────────────────────╯
  │ ├─ veth0000000000a ── shop/web-0    eth0  10.89.0.2/24   fd00:89::2/64  alive
  │ ╰╌ veth1 ╌╌╌╌╌╌╌╌╌╌╌╌ c0ffeec0ffee  eth0  10.89.0.30/24                 dead
  │
  ╰─┬─ lan0 ───────────────────────────────────╮
    │ no address                               │
    │ no network  mtu 1500, down  0 containers │
    │ other ports: eth1                        │
    ╰──────────────────────────────────────────╯
`);
  });

  test('of a node without anything says so', () => {
    const drawn = graphText(graphOf({ uplinks: [], forwarding: [] }), plain);
    expect(drawn).toBe(`╭─ outside ────────╮
│ no default route │
╰─┬────────────────╯
  ╵ forwards nothing
`);
  });

  test.each([
    [{ port: 'elsewhere' }, 'not on the bridge'],
    [{ port: 'down' }, 'link down'],
    [{ port: 'missing' }, 'interface missing'],
    [{ masqueraded: false }, 'not masqueraded'],
    [{ state: 'dead', port: 'missing', masqueraded: false }, 'dead'],
    [{ state: 'unknown', hostVeth: undefined, port: 'missing' }, 'unknown, no host veth is recorded'],
    [{ masqueraded: undefined }, 'alive'],
  ] as const)('says of %j: %s', (changes, says) => {
    const drawn = graphText(graphOf({ bridges: [bridgeOf([endpointOf(changes)])] }), plain);
    expect(drawn.trimEnd().split('\n').at(-1)?.split('64  ')[1]).toBe(says);
  });

  test('has a line for each container, all columns aligned', () => {
    const lines = graphText(graphOf({ bridges: [bridgeOf(endpoints(500))] }), plain).split('\n');
    const own = lines.filter((line) => line.includes('shop/'));
    expect(own).toHaveLength(500);
    expect(new Set(own.map((line) => line.indexOf('eth0'))).size).toBe(1);
    expect(new Set(own.map((line) => line.indexOf('alive'))).size).toBe(1);
  });

  test('has colours on a terminal only, and the same characters', () => {
    const graph = graphOf({ bridges: [bridgeOf(endpoints(3))] });
    const coloured = graphText(graph, styleFor({ isColoured: true }));
    expect(coloured).toContain('\u001b[32malive\u001b[0m');
    expect(Bun.stripANSI(coloured)).toBe(graphText(graph, plain));
  });

  test('lets no name command the terminal', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
    expect(graphText(hostileGraph(), plain)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(graphText(hostileGraph(), plain).split('\n')).toHaveLength(
      graphText(hostileGraph('x'), plain).split('\n').length,
    );
  });
});
