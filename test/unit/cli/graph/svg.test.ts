/** The drawing of `trestle graph --svg`: well-formed whatever the names, nothing over something else, for light and dark. */

import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { graphSvg } from '../../../../src/cli/graph/svg.ts';
import { bridgeOf, endpointOf, endpoints, graphOf, hostileGraph } from './values.ts';

interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly text: string;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

/** The text of the elements of a document. @throws Error where it is not well-formed, as far as this drawing goes */
function read(document: string): string[] {
  const open: string[] = [];
  const texts: string[] = [];
  const token = /<(\/?)([a-z]+)((?: [a-zA-Z:-]+="[^"<]*")*)(\/?)>|([^<]+)/gy;
  let at = 0;
  for (const found of document.matchAll(token)) {
    if (found.index !== at) break;
    at += found[0].length;
    const [, closes, name = '', attributes = '', isEmpty, text] = found;
    for (const value of [attributes, text ?? '']) {
      if (/&(?!(?:amp|lt|gt|quot|#39);)/.test(value)) throw new Error(`a bare & in ${value}`);
    }
    if (text !== undefined) texts.push(text.replace(/&([^;]+);/g, (_, entity: string) => ENTITIES[entity] ?? '?'));
    else if (closes === '/') {
      if (open.pop() !== name) throw new Error(`</${name}> closes something else`);
    } else if (isEmpty !== '/') open.push(name);
  }
  if (at !== document.length) throw new Error(`not well-formed: ${document.slice(at, at + 60)}`);
  if (open.length > 0) throw new Error(`not closed: ${open.join(' ')}`);
  return texts;
}

/** Where the lines of text are. A character takes at most 0.602 of the size in the monospaced fonts that are named. */
function textAreas(document: string): Area[] {
  const pattern = /<text x="(\d+)" y="(\d+)"[^>]*?(?: font-size="(\d+)")?>([^<]*)<\/text>/g;
  return [...document.matchAll(pattern)].map(([, x, y, size = '12', text = '']) => {
    const [left, base, height] = [Number(x), Number(y), Number(size)];
    const characters = text.replace(/&[^;]+;/g, '&').length;
    return {
      left,
      right: left + characters * height * 0.602,
      top: base - height * 0.8,
      bottom: base + height * 0.2,
      text,
    };
  });
}

function overlaps(areas: readonly Area[]): string[] {
  return areas.flatMap((a, at) =>
    areas
      .slice(at + 1)
      .filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
      .map((b) => `${a.text} | ${b.text}`),
  );
}

function sizeOf(document: string): { width: number; height: number } {
  const [, width, height] = /viewBox="0 0 (\d+) (\d+)" width="\1" height="\2"/.exec(document) ?? [];
  return { width: Number(width), height: Number(height) };
}

describe('the drawing as SVG', () => {
  test.each([[0], [1], [3], [20], [200]])('of %d containers and a second network has no text over another', (count) => {
    const long = endpointOf({ pod: `a-very-long-namespace/${'p'.repeat(253)}`, ifName: 'eth0123456789ab' });
    const second = bridgeOf([long, endpointOf({ state: 'dead' })], {
      name: 'cni1',
      otherPorts: endpoints(60).map(() => 'eth9'),
    });
    const unattached = [endpointOf({ state: 'unknown', port: 'missing', masqueraded: false })];
    const drawn = graphSvg(graphOf({ bridges: [bridgeOf(endpoints(count)), second], unattached }));
    const areas = textAreas(drawn);
    expect(areas.length).toBeGreaterThan(count * 4);
    expect(overlaps(areas)).toEqual([]);
    const { width, height } = sizeOf(drawn);
    expect(areas.filter(({ right, bottom }) => right > width || bottom > height)).toEqual([]);
    expect(width).toBeLessThan(1500);
  });

  test('shows each container with its name, addresses and port, and all of it under the pointer', () => {
    const texts = read(graphSvg(graphOf({ bridges: [bridgeOf([endpointOf()])] })));
    for (const text of ['cni0', 'shop/web-0', 'eth0  10.89.0.2/24', '      fd00:89::2/64', 'veth0000000000a']) {
      expect(texts).toContain(text);
    }
    expect(texts.find((text) => text.startsWith('pod shop/web-0, container c0ffee'))).toContain(
      'alive: its host veth is there',
    );
  });

  test('marks what is off', () => {
    const drawn = graphSvg(
      graphOf({ bridges: [bridgeOf([endpointOf({ state: 'dead' }), endpointOf({ port: 'down' })])] }),
    );
    expect(drawn).toMatch(/class="bad"[^>]*>veth0000000000a, dead</);
    expect(drawn).toMatch(/class="doubtful"[^>]*>veth0000000000a, link down</);
    expect(graphSvg(graphOf({ bridges: [bridgeOf(endpoints(2))] }))).not.toMatch(
      /class="(?:card o-)?(?:bad|doubtful)"/,
    );
  });

  test('has colours for light and dark, a title, and fonts to fall back to', () => {
    const drawn = graphSvg(graphOf());
    expect(drawn).toContain('@media (prefers-color-scheme: dark)');
    expect(drawn).toContain('<title>The networks of this node</title>');
    expect(drawn).toMatch(/font: 12px [^}]*, monospace/);
  });

  test('is well-formed whatever the names', () => {
    read(graphSvg(hostileGraph()));
    const name = fc.string({ unit: 'binary', maxLength: 60 });
    fc.assert(fc.property(name, (text) => void read(graphSvg(hostileGraph(text)))));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: XML does not allow them
    expect(graphSvg(hostileGraph())).not.toMatch(/[\u0000-\u0008\u000b-\u001f\ufffe\uffff]|\p{Cs}/u);
  });

  test('shows a hostile name as text', () => {
    const texts = read(graphSvg(hostileGraph('<b>&"</b>')));
    expect(texts.filter((text) => text.trim() === '<b>&"</b>').length).toBeGreaterThan(3);
  });
});
