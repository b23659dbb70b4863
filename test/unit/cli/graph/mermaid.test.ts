/** The drawing of `trestle graph --mermaid`: no name ends its label, or means something to Mermaid or Markdown. */

import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { graphMermaid } from '../../../../src/cli/graph/mermaid.ts';
import { plainText } from '../../../../src/fault.ts';
import { bridgeOf, endpointOf, graphOf, hostileGraph } from './values.ts';

const LABEL = /"([^"]*)"/g;

function decoded(label: string): string[] {
  return label.split('<br/>').map((line) => line.replace(/#(\d+);/g, (_, code) => String.fromCodePoint(Number(code))));
}

function skeleton(chart: string): string {
  return chart.replace(LABEL, '""');
}

describe('the drawing for Mermaid', () => {
  test('joins outside, node, bridge and container', () => {
    const dead = endpointOf({ state: 'dead', hostVeth: undefined });
    expect(graphMermaid(graphOf({ bridges: [bridgeOf([endpointOf(), dead])] }))).toBe(`flowchart LR
  outside(["outside<br/>203.0.113.1"])
  host["node<br/>forwards IPv4 and IPv6"]
  outside ---|"eth0<br/>203.0.113.2/24"| host
  bridge0[["cni0<br/>pods<br/>10.89.0.1/24<br/>fd00:89::1/64<br/>mtu 1500<br/>2 containers, masqueraded"]]
  host --- bridge0
  bridge0c0["shop/web-0<br/>eth0<br/>10.89.0.2/24<br/>fd00:89::2/64"]
  bridge0 ---|"veth0000000000a"| bridge0c0
  bridge0c1["shop/web-0<br/>eth0<br/>10.89.0.2/24<br/>fd00:89::2/64<br/>dead"]:::bad
  bridge0 -.- bridge0c1
  classDef bad stroke:#c62828,stroke-dasharray:4
  classDef doubtful stroke:#b26a00,stroke-dasharray:4
`);
  });

  test('has the same structure whatever the names, and only harmless characters in labels', () => {
    const name = fc.string({ unit: 'binary', maxLength: 60 }).filter((text) => plainText(text) !== '');
    const check = (text: string) => {
      const chart = graphMermaid(hostileGraph(text));
      expect(skeleton(chart)).toBe(skeleton(graphMermaid(hostileGraph('x'))));
      for (const [, label = ''] of chart.matchAll(LABEL)) {
        expect(label.replaceAll('<br/>', '').replace(/#\d+;/g, '')).toMatch(/^[\p{L}\p{N} .,:/_?-]*$/u);
      }
    };
    check(`1. a"b]<script>&#35;\\N|{e}\n--> x\`y\`;end`);
    fc.assert(fc.property(name, check));
  });

  test('shows a hostile name as it is', () => {
    const name = 'a"b]<i>&#35;`c`';
    const labels = [...graphMermaid(hostileGraph(name)).matchAll(LABEL)].map(([, label = '']) => decoded(label));
    expect(labels.filter(([first]) => first === name).length).toBeGreaterThan(3);
  });
});
