/** The environment: what is missing or malformed is named. */

import { describe, expect, test } from 'bun:test';
import { cni, failed, succeeded } from '../support/cni.ts';
import { cidrs } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { e2e, network, V4, V6 } from './support/network.ts';
import { oneErrorObject, onQuietNode } from './support/refusal.ts';

const NEEDED: [string, string[]][] = [
  ['ADD', ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME']],
  ['CHECK', ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME']],
  ['DEL', ['CNI_CONTAINERID', 'CNI_IFNAME']],
];

e2e('a variable that is missing', (artifact) => {
  const { refuse } = onQuietNode(artifact);

  for (const [command, names] of NEEDED) {
    for (const name of names) {
      for (const value of [undefined, '']) {
        test(`${command} without ${name} (${value ?? 'unset'})`, () => {
          const error = refuse({ command, env: { [name]: value } });
          expect(error.code).toBe(4);
          expect(error.msg).toContain(name);
          for (const other of names.filter((one) => one !== name)) expect(error.msg).not.toContain(other);
        });
      }
    }

    test(`${command} without all of them: each is named`, () => {
      const error = refuse({ command, env: Object.fromEntries(names.map((name) => [name, undefined])) });
      expect(error.code).toBe(4);
      for (const name of names) expect(error.msg).toContain(name);
    });
  }

  for (const value of [undefined, '', 'add', 'ADD ', 'REMOVE', '../ADD', '__proto__', 'constructor']) {
    test(`CNI_COMMAND ${JSON.stringify(value)}`, () => {
      const error = refuse({ env: { CNI_COMMAND: value } });
      expect(error.code).toBe(4);
      expect(error.msg).toContain('CNI_COMMAND');
      if (value) expect(error.msg).toContain(JSON.stringify(value));
    });
  }
});

const MALFORMED: [string, string][] = [
  ['IP', 'IP'],
  ['=x', '=x'],
  ['IP=nonsense', 'nonsense'],
  ['IP=10.89.0.300', '10.89.0.300'],
  ['MAC=zz', 'zz'],
  ['K8S_POD_NAME=web;MAC=0a:00', '0a:00'],
  ['IgnoreUnknown=1;nonsense', 'nonsense'],
];

const UNKNOWN = [
  'FOO=bar',
  'IgnoreUnknown=0;FOO=bar',
  'IgnoreUnknown=false;FOO=bar',
  'K8S_POD_NAME=x;FOO=',
  'ip=10.89.0.9',
];

e2e('CNI_ARGS', (artifact) => {
  const { refuse } = onQuietNode(artifact);

  describe('malformed', () => {
    test.each(MALFORMED)('%s', (args, named) => {
      const error = refuse({ args });
      expect(error.code).toBe(4);
      expect(error.msg).toContain('CNI_ARGS');
      expect(error.msg).toContain(named);
    });
  });

  describe('with a key that is not known', () => {
    test.each(UNKNOWN)('%s', (args) => {
      const error = refuse({ args });
      expect(error.code).toBe(4);
      expect(error.msg).toMatch(/CNI_ARGS.*"(FOO|ip)"/);
      expect(error.details).toContain('IgnoreUnknown');
    });
  });
});

const FINE = [
  'IgnoreUnknown=1;FOO=bar',
  'FOO=bar;IgnoreUnknown=true',
  'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=u1',
  'K8S_POD_NAMESPACE=default;K8S_POD_NAME=web=0',
  ';K8S_POD_NAME=web;;',
  'GATEWAY=10.89.0.1',
  'IP=;MAC=',
];

e2e('CNI_ARGS that are fine', (artifact) => {
  test.each(FINE)('%s', (args) => {
    using node = createNode();
    const container = node.container();
    const outcome = cni(node, { artifact, command: 'ADD', container, args, config: network(node) });
    succeeded(outcome);
    expect(outcome.stderr).toBe('');
    expect(cidrs(container.ns, 'eth0')).toEqual([`${V4.first}/24`, `${V6.first}/64`]);
  });
});

e2e('the rest of the environment', (artifact) => {
  test('is not needed: no CNI_PATH, no CNI_ARGS, no PATH but the interpreter', () => {
    using node = createNode();
    const container = node.container();
    const env = { CNI_PATH: undefined, CNI_ARGS: undefined };
    succeeded(cni(node, { artifact, command: 'ADD', container, config: network(node), env }));
    expect(cidrs(container.ns, 'eth0')).toEqual([`${V4.first}/24`, `${V6.first}/64`]);
  });

  test('a runtime that forgot CNI_COMMAND gets an error object, not a help text', () => {
    using node = createNode();
    const env = { CNI_COMMAND: undefined, CNI_CONTAINERID: undefined, CNI_NETNS: undefined };
    const error = oneErrorObject(
      cni(node, { artifact, command: 'ADD', env: { ...env, CNI_IFNAME: 'eth0' }, stdin: '{}' }),
    );
    expect(error.code).toBe(4);
    expect(error.msg).toContain('CNI_COMMAND');
  });
});

e2e('the own netns of the plugin as that of the container', (artifact) => {
  test.each(['1', 'true', 'TRUE'])('CNI_NETNS_OVERRIDE=%s allows it: ADD, CHECK and DEL work', (value) => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { isDefaultGateway: false, isGateway: true, ipMasq: false }));
    const own = { id: 'own', netnsPath: '/proc/self/ns/net' };
    const options = { env: { CNI_NETNS_OVERRIDE: value } };
    const before = leftovers(node);
    succeeded(pods.add(own, options));
    expect(cidrs(node.ns, 'eth0')).toEqual([`${V4.first}/24`, `${V6.first}/64`]);
    succeeded(pods.check(own, options));
    succeeded(pods.del(own, options));
    expect(leftovers(node)).toEqual(before);
  });

  test.each([undefined, '0', 'false'])('CNI_NETNS_OVERRIDE=%p does not', (value) => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const own = { id: 'own', netnsPath: '/proc/self/ns/net' };
    expect(failed(pods.add(own, { env: { CNI_NETNS_OVERRIDE: value } }))).toMatchObject({ code: 4 });
  });
});
