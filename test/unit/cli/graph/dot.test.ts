/** The drawing of `trestle graph --dot`: no name ends its label, or means something to Graphviz. */

import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { graphDot } from '../../../../src/cli/graph/dot.ts';
import { plainText } from '../../../../src/fault.ts';
import { bridgeOf, endpointOf, graphOf, hostileGraph } from './values.ts';

const QUOTED = /"((?:[^"\\]|\\.)*)"/g;

/** The lines of a label as Graphviz reads them. */
function decoded(label: string): string[] {
  return label.split('\\n').map((line) => line.replace(/\\(.)/g, '$1').replaceAll('&amp;', '&'));
}

/** A program in which all quoted strings are empty. */
function skeleton(program: string): string {
  return program.replace(QUOTED, '""');
}

describe('the drawing for Graphviz', () => {
  test('joins outside, node, bridge and container', () => {
    const dead = endpointOf({ state: 'dead', hostVeth: undefined });
    expect(graphDot(graphOf({ bridges: [bridgeOf([endpointOf(), dead])] }))).toBe(`graph trestle {
  rankdir=LR
  node [shape=box, style=rounded, fontname="monospace", fontsize=10]
  edge [fontname="monospace", fontsize=9]
  outside [label="outside\\n203.0.113.1"]
  host [label="node\\nforwards IPv4 and IPv6"]
  outside -- host [label="eth0\\n203.0.113.2/24"]
  bridge_0 [label="cni0\\npods\\n10.89.0.1/24\\nfd00:89::1/64\\nmtu 1500\\n2 containers, masqueraded", penwidth=2]
  host -- bridge_0
  bridge_0_0 [label="shop/web-0\\neth0\\n10.89.0.2/24\\nfd00:89::2/64", color="#2e7d32"]
  bridge_0 -- bridge_0_0 [label="veth0000000000a"]
  bridge_0_1 [label="shop/web-0\\neth0\\n10.89.0.2/24\\nfd00:89::2/64\\ndead", color="#c62828"]
  bridge_0 -- bridge_0_1 [style=dashed, color="#c62828"]
}
`);
  });

  test('has the same structure whatever the names', () => {
    expect(skeleton(graphDot(hostileGraph()))).toBe(skeleton(graphDot(hostileGraph('x'))));
    const name = fc.string({ unit: 'binary', maxLength: 60 }).filter((text) => plainText(text) !== '');
    fc.assert(
      fc.property(name, (text) => {
        const program = graphDot(hostileGraph(text));
        expect(skeleton(program)).toBe(skeleton(graphDot(hostileGraph('x'))));
      }),
    );
  });

  test('shows a hostile name as it is', () => {
    const name = 'a"b\\N&lt;c';
    const labels = [...graphDot(hostileGraph(name)).matchAll(QUOTED)].map(([, label = '']) => decoded(label));
    expect(labels.filter(([first]) => first === name).length).toBeGreaterThan(3);
  });
});
