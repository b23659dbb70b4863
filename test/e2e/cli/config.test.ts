/** `trestle config new` and `trestle config check`, as an administrator runs them. */

import { expect, test } from 'bun:test';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createNode } from '../../support/node.ts';
import { jsonOf, operate } from '../../support/operator.ts';
import { e2e } from '../support/network.ts';

const CONF = join(import.meta.dir, '../../../conf');

e2e('trestle config', (artifact) => {
  test('what new prints is what check has nothing against, read from standard input', () => {
    using node = createNode();
    const made = operate(node, artifact, [
      'config',
      'new',
      '--network',
      'web',
      '--subnet',
      '10.9.0.0/24',
      '--no-masquerade',
    ]);
    expect(JSON.parse(made.stdout)).toMatchObject({ name: 'web', plugins: [{ type: 'trestle', ipMasq: false }] });
    expect(operate(node, artifact, ['config', 'check', '-'], { stdin: made.stdout })).toMatchObject({
      status: 0,
      stdout: '-: ok, network web, trestle\n',
      stderr: '',
    });
    expect(operate(node, artifact, ['config', 'new', '--subnet', '10.9.0.1/24'])).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('has host bits set'),
    });
  });

  test('the ready configurations are good', () => {
    using node = createNode();
    const files = readdirSync(CONF).map((name) => join(CONF, name));
    expect(operate(node, artifact, ['config', 'check', ...files])).toMatchObject({ status: 0, stderr: '' });
  });

  test('names all, shows a patch, and with --fix mends the file and keeps its mode', () => {
    using node = createNode();
    const file = join(node.directory, '10-a.conflist');
    const text =
      '{\n  "cniVersion": "1.0.0", "name": "a",\n  "plugins": [\n    {"type": "trestle", "isgateway":true, "mtu": "x"}\n  ]\n}\n';
    writeFileSync(file, text);
    chmodSync(file, 0o600);
    const said = operate(node, artifact, ['config', 'check', file]);
    expect(said).toMatchObject({ status: 1, stderr: '' });
    expect(said.stdout).toContain(`${file}:4:25: warning: the key "isgateway" is taken for "isGateway"`);
    expect(said.stdout).toContain(`${file}:4:43: error: mtu: expected a number, found the string "x"`);
    expect(said.stdout).toContain('+    {"type": "trestle", "isGateway":true, "mtu": "x"}\n');
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect(operate(node, artifact, ['config', 'check', '--fix', file]).status).toBe(1);
    expect(readFileSync(file, 'utf8')).toBe(text.replace('isgateway', 'isGateway'));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(node.directory)).toEqual(['10-a.conflist']);
    const [checked] = jsonOf<{ complaints: object[]; patch: string }[]>(
      operate(node, artifact, ['config', 'check', '--json', file]),
      1,
    );
    expect(checked).toMatchObject({ patch: '', complaints: [{ line: 4, column: 43, severity: 'error' }] });
  });

  test('a file that is not there, and --fix for standard input, are misuse', () => {
    using node = createNode();
    for (const args of [['/nonexistent/a.conf'], [node.directory], ['--fix', '-'], []]) {
      expect(operate(node, artifact, ['config', 'check', ...args]).status).toBe(2);
    }
  });

  test('--bin-dir looks for the plugins', () => {
    using node = createNode();
    const file = node.writeConf('a.conflist', { cniVersion: '1.0.0', name: 'a', plugins: [{ type: 'trestle' }] });
    const said = operate(node, artifact, ['config', 'check', '--bin-dir', node.directory, file]);
    expect(said).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('there is no plugin "trestle"'),
    });
  });
});
