import { expect, test } from 'bun:test';
import { parseConfiguration } from '../../../src/cli/inventory/configurations.ts';

const flawOf = (file: string, text: string) => parseConfiguration(file, text).flaw;

test('a list has its plugins', () => {
  const text = '{"cniVersion":"1.0.0","name":"pods","plugins":[{"type":"trestle"},{"type":"portmap"}]}';
  expect(parseConfiguration('/a/10.conflist', text)).toMatchObject({
    isList: true,
    network: 'pods',
    cniVersion: '1.0.0',
    plugins: [{ type: 'trestle' }, { type: 'portmap' }],
  });
});

test('a single plugin is a configuration, too', () => {
  const read = parseConfiguration('/a/10.conf', '{"name":"pods","type":"bridge"}');
  expect(read).toMatchObject({ isList: false, network: 'pods', plugins: [{ type: 'bridge' }] });
  expect(read.flaw).toBeUndefined();
});

test.each([
  ['a.conflist', '{', /^it is not JSON: /],
  ['a.conflist', '[]', 'it is not a JSON object'],
  ['a.conflist', '{"name":"a"}', 'it has no list "plugins"'],
  ['a.conflist', '{"name":"a","plugins":[]}', 'its list "plugins" is empty'],
  ['a.conflist', '{"name":"a","plugins":["x"]}', 'an entry of its list "plugins" is not an object'],
  ['a.conflist', '{"plugins":[{"type":"x"}]}', 'it has no "name"'],
  ['a.conflist', '{"name":"a","plugins":[{}]}', 'a plugin has no "type"'],
  ['a.conf', '{"name":"a"}', 'it has no "type"'],
] as const)('%s: %s', (file, text, flaw) => {
  expect(flawOf(file, text)).toMatch(flaw);
});
