/** `trestle completion` and `trestle man`, tried with the shells and formatters themselves. */

import { expect, test } from 'bun:test';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMANDS } from '../../../src/cli/commands/index.ts';
import { proposeThings } from '../../../src/cli/completion/values.ts';
import { executable } from '../../support/artifacts.ts';
import { succeeded } from '../../support/cni.ts';
import { createNode, type ScratchNode } from '../../support/node.ts';
import { operate, placeOf } from '../../support/operator.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { runtime } from '../../support/runtime.ts';
import { e2e, network } from '../support/network.ts';

const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

function proposals(node: ScratchNode, ...words: string[]): string[] {
  const { stdout } = operate(node, executable, ['complete', '--', ...words]);
  return stdout.split('\n').flatMap((line) => line.split('\t')[0] || []);
}

function shell(node: ScratchNode, command: string[], input: string): string {
  const bin = join(node.directory, 'bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(executable.path, join(bin, 'trestle'));
  const env = { PATH: `${bin}:${SYSTEM_PATH}`, HOME: node.directory, TERM: 'dumb' };
  const done = Bun.spawnSync(command, { stdin: Buffer.from(input), cwd: node.directory, env });
  return done.stdout.toString() + done.stderr.toString();
}

describeOnKernel('completion', () => {
  test('proposes commands, flags and values, and never what is hidden', () => {
    using node = createNode();
    expect(proposals(node, '')).toEqual([...Object.keys(COMMANDS), 'man']);
    expect(proposals(node, 'li')).toEqual(['list']);
    expect(proposals(node, 'config', '')).toEqual(['new', 'check']);
    expect(proposals(node, 'config', 'check', '--f')).toEqual(['--fix']);
    expect(proposals(node, 'config', 'new', '--cni-version', '1')).toEqual(['1.0.0', '1.1.0']);
    expect(proposals(node, 'completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(proposals(node, 'nonsense', '')).toEqual([]);
    expect(proposals(node, 'list', '--nonsense', '')).toEqual([]);
  });

  test('proposes networks of the node, and files', () => {
    using node = createNode();
    node.writeConf('10-a.conflist', { cniVersion: '1.0.0', name: 'configured', plugins: [{ type: 'trestle' }] });
    succeeded(runtime(node, executable, network(node)).add(node.container()));
    expect(proposals(node, 'list', ...placeOf(node), '--network', '')).toEqual(['configured', 'pods']);
    expect(proposals(node, 'list', ...placeOf(node), '--network', 'p')).toEqual(['pods']);
    const file = join(node.confDir, '10-a.conflist');
    expect(proposals(node, 'config', 'check', `${node.confDir}/`)).toEqual([file]);
    expect(proposals(node, 'config', 'check', '--json', node.confDir)).toEqual([`${node.confDir}/`]);
  });

  test('proposes pods and containers, and by the beginning of an ID that container alone', () => {
    using node = createNode();
    const container = node.container();
    const args = 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0';
    succeeded(runtime(node, executable, network(node)).add(container, { args }));
    const words = ['show', '--data-dir', node.dataDir];
    expect(proposeThings('', words)).toEqual(['shop/web-0', container.id]);
    expect(proposeThings(container.id.slice(0, 5), words)).toEqual([container.id]);
    expect(proposeThings('', ['show', `--data-dir=${node.directory}/none`])).toEqual([]);
  });

  test('bash completes', () => {
    using node = createNode();
    writeFileSync(join(node.directory, 'my file.conflist'), '{}');
    const script = `source <(trestle completion bash)
complete -p trestle
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _trestle; printf '<%s>' "\${COMPREPLY[@]}"; echo; }
try trestle con
try trestle config new --cni-version 1
try trestle config check my`;
    expect(shell(node, ['bash', '--norc'], script)).toBe(
      'complete -F _trestle trestle\n<config>\n<1.0.0><1.1.0>\n<my file.conflist>\n',
    );
  });

  test('fish completes, with descriptions', () => {
    using node = createNode();
    const said = shell(
      node,
      ['fish', '--no-config'],
      'trestle completion fish | source\ncomplete -C "trestle config "\n',
    );
    expect(said).toBe(
      'check\tName everything that is wrong with configurations\nnew\tPrint a configuration for a network\n',
    );
  });

  test('zsh accepts its script, and the function proposes', () => {
    using node = createNode();
    const script = `autoload -Uz compinit; compinit -u -d $HOME/dump
source <(trestle completion zsh)
print $_comps[trestle]
compadd() { print -r -- "compadd $words_ $directories" }
words=(trestle config ''); CURRENT=3
_trestle`;
    expect(shell(node, ['zsh', '-f'], script)).toBe('_trestle\ncompadd new check \n');
  });
});

e2e('the manual page', (artifact) => {
  test('is one that mandoc and groff have nothing against', () => {
    using node = createNode();
    const { stdout, status } = operate(node, artifact, ['man']);
    expect(status).toBe(0);
    const lint = Bun.spawnSync(['mandoc', '-Tlint'], { stdin: Buffer.from(stdout), env: { PATH: SYSTEM_PATH } });
    expect(lint.stdout.toString() + lint.stderr.toString()).toBe('');
    const shown = Bun.spawnSync(['groff', '-man', '-ww', '-Tutf8', '-P-cbou'], {
      stdin: Buffer.from(stdout),
      env: { PATH: SYSTEM_PATH },
    });
    expect(shown.stderr.toString()).toBe('');
    const text = shown.stdout.toString();
    for (const heading of ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'EXIT STATUS', 'FILES', 'SEE ALSO']) {
      expect(text).toMatch(new RegExp(`^${heading}$`, 'm'));
    }
    for (const name of Object.keys(COMMANDS)) expect(text).toContain(`trestle ${name}`);
    expect(text).not.toContain('trestle complete ');
    expect(text).toContain('--no-masquerade');
  });
});

e2e('-h', (artifact) => {
  test('of each command says what the command does, in lines of at most 100 characters', () => {
    using node = createNode();
    const routes = [
      [],
      ['config'],
      ['config', 'new'],
      ['config', 'check'],
      ['man'],
      ...Object.keys(COMMANDS).map((name) => [name]),
    ];
    for (const route of routes) {
      const { status, stdout, stderr } = operate(node, artifact, [...route, '-h']);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toContain(`trestle ${route.join(' ')}`.trim());
      expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
      expect(stdout).not.toContain('trestle complete ');
    }
  });
});
