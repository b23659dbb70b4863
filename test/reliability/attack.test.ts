/** docs/security.md, claim by claim, on what is shipped: what others may say, plant or set, and what comes of it. */

import { describe, expect, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { e2e, ipam, network, V4 } from '../e2e/support/network.ts';
import { onQuietNode } from '../e2e/support/refusal.ts';
import { type Artifact, artifacts } from '../support/artifacts.ts';
import { cni, failed, type Outcome, succeeded } from '../support/cni.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { describeOnKernel } from '../support/privilege.ts';
import { run } from '../support/process.ts';
import { runtime } from '../support/runtime.ts';

const PRECIOUS = 'precious\n';

/** The plugin, started in a directory that somebody else has filled. */
function startedIn(node: ScratchNode, artifact: Artifact, directory: string): Artifact {
  const path = join(node.directory, 'starter');
  writeFileSync(path, `#!/bin/sh\ncd "${directory}" && exec "${artifact.path}"\n`, { mode: 0o755 });
  return { ...artifact, path };
}

/** A program that leaves a trace where it is run, whoever runs it. */
function trap(path: string, trace: string, kind: 'shell' | 'script'): void {
  const shell = `#!/bin/sh\n: > "${trace}"\n`;
  writeFileSync(path, kind === 'shell' ? shell : `require('node:fs').writeFileSync(${JSON.stringify(trace)}, '');\n`, {
    mode: 0o755,
  });
}

function addOne(
  node: ScratchNode,
  artifact: Artifact,
  options: Parameters<ReturnType<typeof runtime>['add']>[1] = {},
): Outcome {
  return runtime(node, artifact, network(node)).add(node.container(), options);
}

const PATHS = ['../x', '..', '.', '/etc/passwd', 'a/../../b', 'a\\b/c', 'x\n', '-x', '.trestle'];

e2e('a name that is a path', (artifact) => {
  const { config, refuse } = onQuietNode(artifact);
  test.each(PATHS)('%j as a container ID is refused', (id) => {
    expect(refuse({ env: { CNI_CONTAINERID: id } }).code).toBe(4);
  });
  test.each(PATHS)('%j as a network is refused', (name) => {
    expect(refuse({ config: config({ name }) }).code).toBe(7);
  });
  test.each(['../x', '..', '.', '/etc/passwd', 'a/b', 'x\n'])('%j as an interface is refused', (ifName) => {
    expect(refuse({ ifName }).code).toBe(4);
  });
});

e2e('what a pod may say of itself', (artifact) => {
  test('is text in its record, and names no file', () => {
    using node = createNode();
    const args = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=../../..;K8S_POD_NAME=/etc/\u001b[2J$(id);X=--help';
    succeeded(addOne(node, artifact, { args }));
    const files = readdirSync(node.dataDir, { recursive: true }).map(String).sort();
    const id = node.containers[0]?.id;
    const names = ['10.89.0.2', 'fd00:89::2', 'last_reserved_ip.0', 'last_reserved_ip.1', 'lock'];
    const expected = [
      '.trestle',
      '.trestle/.generation',
      '.trestle/pods',
      '.trestle/pods/boot',
      `.trestle/pods/${id}:eth0`,
      'pods',
    ];
    expect(files).toEqual([...expected, ...names.map((name) => `pods/${name}`)].sort());
  });
});

e2e('a plugin to be run', (artifact) => {
  test.each(['-x', '--help', '../trap', '/bin/sh', 'a b', '.', 'trap\n', 'trap;id'])('called %j is refused', (type) => {
    using node = createNode();
    const [trace, plugins] = [join(node.directory, 'trace'), join(node.directory, 'plugins')];
    mkdirSync(plugins);
    for (const name of ['trap', 'plugins/trap', 'plugins/-x']) trap(join(node.directory, name), trace, 'shell');
    const config = network(node, { ipam: { type, dataDir: node.dataDir } });
    const error = failed(runtime(node, artifact, config).add(node.container(), { path: plugins }));
    expect([error.code, existsSync(trace)]).toEqual([7, false]);
  });

  test.each(['', ':', '::/nonexistent:'])('is not looked for in the working directory: CNI_PATH %j', (path) => {
    using node = createNode();
    const [trace, here] = [join(node.directory, 'trace'), join(node.directory, 'here')];
    mkdirSync(here);
    trap(join(here, 'trap'), trace, 'shell');
    const pods = runtime(
      node,
      startedIn(node, artifact, here),
      network(node, { ipam: { type: 'trap', dataDir: node.dataDir } }),
    );
    expect([failed(pods.add(node.container(), { path })).code, existsSync(trace)]).toEqual([106, false]);
  });

  test('that never stops talking is stopped', () => {
    using node = createNode();
    const plugins = join(node.directory, 'plugins');
    mkdirSync(plugins);
    writeFileSync(join(plugins, 'loud'), '#!/bin/sh\nexec /usr/bin/yes\n', { mode: 0o755 });
    const pods = runtime(node, artifact, network(node, { ipam: { type: 'loud', dataDir: node.dataDir } }));
    const error = failed(pods.add(node.container(), { path: plugins }));
    expect([error.code, error.msg]).toEqual([
      106,
      expect.stringContaining('it ended by saying more than 4194304 bytes'),
    ]);
  });
});

e2e('files in the working directory and in HOME', (artifact) => {
  test('are not read, and nothing in them is run', () => {
    using node = createNode();
    const [trace, here] = [join(node.directory, 'trace'), join(node.directory, 'here')];
    mkdirSync(join(here, 'node_modules/koffi'), { recursive: true });
    const script = join(here, 'trap.cjs');
    for (const name of ['trap.cjs', 'execa.cjs', 'trestle.cjs', 'node_modules/koffi/index.js'])
      trap(join(here, name), trace, 'script');
    for (const name of ['ip', 'nft', 'node', 'sh']) trap(join(here, name), trace, 'shell');
    writeFileSync(join(here, '.env'), 'CNI_COMMAND=VERSION\nCNI_IFNAME=evil0\n');
    for (const name of ['bunfig.toml', '.bunfig.toml']) writeFileSync(join(here, name), `preload = ["${script}"]\n`);
    writeFileSync(join(here, 'package.json'), '{"name":"x","type":"module","imports":{"#x":"./trap.cjs"}}');
    writeFileSync(join(here, 'tsconfig.json'), '{"compilerOptions":{"paths":{"*":["./trap.cjs"]}}}');
    const env = { HOME: here, XDG_CONFIG_HOME: here };
    const outcome = addOne(node, startedIn(node, artifact, here), { env });
    expect(succeeded(outcome).interfaces?.at(-1)?.name).toBe('eth0');
    expect(existsSync(trace)).toBe(false);
  });
});

/** What an environment variable makes of a call: it is obeyed, and then code of somebody's runs; or it does nothing. */
type Effect = 'obeyed' | 'ignored';
const VARIABLES: readonly (readonly [
  name: string,
  value: (script: string) => string,
  executable: Effect,
  bundle: Effect,
])[] = [
  ['BUN_OPTIONS', (script) => `--preload ${script}`, 'ignored', 'ignored'],
  ['BUN_INSPECT_PRELOAD', (script) => script, 'ignored', 'ignored'],
  ['BUN_BE_BUN', () => '1', 'ignored', 'ignored'],
  ['BUN_JSC_nonsense', () => '1', 'ignored', 'ignored'],
  ['NODE_OPTIONS', (script) => `--require ${script}`, 'ignored', 'obeyed'],
  ['NODE_PATH', (script) => join(script, '../modules'), 'ignored', 'ignored'],
  ['BUN_CONFIG_FILE', (script) => join(script, '../bunfig.toml'), 'ignored', 'ignored'],
];

describeOnKernel('the environment of the runtime', () => {
  const [executable, bundle] = artifacts as [Artifact, Artifact];

  function withVariable(
    node: ScratchNode,
    artifact: Artifact,
    name: string,
    value: (script: string) => string,
  ): Effect {
    const [trace, script] = [join(node.directory, 'trace'), join(node.directory, 'trap.cjs')];
    trap(script, trace, 'script');
    mkdirSync(join(node.directory, 'modules/koffi'), { recursive: true });
    trap(join(node.directory, 'modules/koffi/index.js'), trace, 'script');
    writeFileSync(join(node.directory, 'bunfig.toml'), `preload = ["${script}"]\n`);
    succeeded(addOne(node, artifact, { env: { [name]: value(script) } }));
    return existsSync(trace) ? 'obeyed' : 'ignored';
  }

  for (const [name, value, byExecutable, byBundle] of VARIABLES) {
    test(`${name}: ${byExecutable} by the executable, ${byBundle} by the bundle`, () => {
      using one = createNode();
      using other = createNode();
      expect(withVariable(one, executable, name, value)).toBe(byExecutable);
      expect(withVariable(other, bundle, name, value)).toBe(byBundle);
    });
  }

  test('LD_PRELOAD is obeyed by the bundle, as by every program that is linked dynamically, and not by the executable', () => {
    using node = createNode();
    const env = { LD_PRELOAD: '/nonexistent/x.so' };
    const complaints = (artifact: Artifact) =>
      cni(node, { artifact, command: 'VERSION', env }).stderr.split('/nonexistent/x.so').length - 1;
    expect(complaints(executable)).toBe(1); // of what enters the node's namespace
    expect(complaints(bundle)).toBeGreaterThan(1);
  });
});

e2e('a data directory', (artifact) => {
  test('that everybody may write to is refused, and nothing is done', () => {
    using node = createNode();
    mkdirSync(node.dataDir);
    chmodSync(node.dataDir, 0o1777);
    const error = failed(addOne(node, artifact));
    expect([error.code, error.msg]).toEqual([5, expect.stringContaining('everybody may write to it')]);
    expect([error.details, readdirSync(node.dataDir)]).toEqual([expect.stringContaining('chmod o-w'), []]);
    chmodSync(node.dataDir, 0o755);
    succeeded(addOne(node, artifact));
  });

  test('with FIFOs and links in it holds nobody up, and nothing else is written to', () => {
    using node = createNode();
    const [victim, leases] = [join(node.directory, 'victim'), join(node.dataDir, 'pods')];
    writeFileSync(victim, PRECIOUS);
    mkdirSync(leases, { recursive: true });
    run(['mkfifo', join(leases, 'lock'), join(leases, '10.89.0.2')]);
    symlinkSync(victim, join(leases, 'last_reserved_ip.0'));
    linkSync(victim, join(leases, 'last_reserved_ip.1'));
    symlinkSync(victim, join(leases, V4.second));
    expect(succeeded(addOne(node, artifact)).ips?.[0]?.address).toBe('10.89.0.4/24');
    expect(readFileSync(victim, 'utf8')).toBe(PRECIOUS);
  });

  test('whose lock is a link is refused', () => {
    using node = createNode();
    mkdirSync(join(node.dataDir, 'pods'), { recursive: true });
    symlinkSync('/etc/passwd', join(node.dataDir, 'pods/lock'));
    expect(failed(addOne(node, artifact))).toMatchObject({ code: 5, msg: expect.stringContaining('symbolic link') });
  });
});

e2e('a resolvConf that has no end', (artifact) => {
  test('is refused', () => {
    using node = createNode();
    const config = network(node, { ipam: ipam(node, [V4.subnet], { resolvConf: '/dev/zero' }) });
    expect(failed(runtime(node, artifact, config).add(node.container())).msg).toContain('EFBIG');
  });
});

e2e('a log', (artifact) => {
  describe.each<[string, (path: string, victim: string) => void]>([
    ['a symbolic link', (path, victim) => symlinkSync(victim, path)],
    ['a hard link', (path, victim) => linkSync(victim, path)],
    ['a FIFO', (path) => void run(['mkfifo', path])],
    ['a device', (path) => void run(['mknod', path, 'c', '1', '5'])],
    ['a directory', (path) => mkdirSync(path)],
  ])('that is %s', (_, plant) => {
    test('is done without', () => {
      using node = createNode();
      const [file, victim] = [join(node.directory, 'trestle.log'), join(node.directory, 'victim')];
      writeFileSync(victim, PRECIOUS);
      plant(file, victim);
      const outcome = runtime(node, artifact, network(node, { log: { file } })).add(node.container());
      succeeded(outcome);
      expect(outcome.stderr).toContain('going on without it');
      expect(readFileSync(victim, 'utf8')).toBe(PRECIOUS);
      rmSync(file, { recursive: true });
    });
  });
});
