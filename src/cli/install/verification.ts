/** What `install` looks at afterwards: whether a runtime could use what is there now. */

import { LATEST_VERSION } from '../../cni/versions.ts';
import { isObject, parseJson } from '../../schema/json.ts';
import { findProgram, runProgram } from '../../sys/process.ts';
import type { Variables } from '../context.ts';
import { type Configuration, readConfigurations } from '../inventory/configurations.ts';
import type { InstallOptions } from './plan.ts';
import { namesTrestle } from './plan.ts';

/** `warning`: it works, and something is to be known. */
export interface Verified {
  readonly check: 'version' | 'status' | 'configuration' | 'loopback' | 'plugins';
  readonly result: 'ok' | 'warning' | 'error';
  readonly text: string;
}

const DEADLINE_MS = 30_000;

/** Runs the installed executable as a runtime would, and reads the configurations as one would. */
export function verifyInstalled(options: InstallOptions, variables: Variables): Verified[] {
  const { binDir, confDir } = options;
  const configurations = readConfigurations(confDir);
  const own = configurations.find(namesTrestle);
  return [
    answersVersion(binDir, variables),
    ...(own === undefined ? [] : [answersStatus(binDir, own, variables)]),
    firstConfiguration(confDir, configurations),
    ...missingPlugins(binDir, own),
    loopback(binDir),
  ];
}

function answersVersion(binDir: string, variables: Variables): Verified {
  const input = JSON.stringify({ cniVersion: LATEST_VERSION });
  const { stdout, said } = call(binDir, 'VERSION', input, variables);
  const versions = fieldOf(stdout, 'supportedVersions');
  if (said === undefined && Array.isArray(versions)) {
    return { check: 'version', result: 'ok', text: `${binDir}/trestle speaks CNI ${versions.join(', ')}` };
  }
  return { check: 'version', result: 'error', text: `${binDir}/trestle does not answer VERSION: ${said ?? stdout}` };
}

function answersStatus(binDir: string, { file, network, plugins }: Configuration, variables: Variables): Verified {
  const own = plugins.find(({ type }) => type === 'trestle');
  // Runtimes ask for STATUS from 1.1.0 on; the answer does not depend on the version.
  const input = JSON.stringify({ ...own?.json, name: network, cniVersion: LATEST_VERSION });
  const { said } = call(binDir, 'STATUS', input, variables);
  if (said === undefined) return { check: 'status', result: 'ok', text: `${file} can attach containers to ${network}` };
  return { check: 'status', result: 'error', text: `no container can be attached to ${network}: ${said}` };
}

function firstConfiguration(confDir: string, configurations: readonly Configuration[]): Verified {
  const [first] = configurations;
  const check = 'configuration';
  if (first === undefined) return { check, result: 'error', text: `there is no configuration in ${confDir}` };
  if (first.flaw !== undefined) {
    return { check, result: 'error', text: `a runtime takes ${first.file} first, and cannot use it: ${first.flaw}` };
  }
  const taken = `a runtime takes ${first.file} (network ${first.network})`;
  if (namesTrestle(first)) return { check, result: 'ok', text: taken };
  return { check, result: 'warning', text: `${taken}, which does not name trestle; rename or remove it` };
}

/** The other plugins of the list. */
function missingPlugins(binDir: string, own: Configuration | undefined): Verified[] {
  const types = (own?.plugins ?? []).flatMap(({ type, json: { ipam } }) => [
    type,
    ...(isObject(ipam) && typeof ipam.type === 'string' && ipam.type !== '' ? [ipam.type] : []),
  ]);
  const missing = [...new Set(types)].filter((type) => findProgram(type, [binDir]) === undefined);
  if (missing.length === 0) return [];
  return [{ check: 'plugins', result: 'error', text: `${own?.file} needs ${missing.join(', ')}, not in ${binDir}` }];
}

function loopback(binDir: string): Verified {
  const isThere = findProgram('loopback', [binDir]) !== undefined;
  if (isThere) return { check: 'loopback', result: 'ok', text: `loopback is in ${binDir}` };
  const text = `loopback is not in ${binDir}: containerd needs it, and other runtimes do not`;
  return { check: 'loopback', result: 'warning', text };
}

/** Runs a command of the plugin. `said`: the error that it printed, or how it ended; undefined where it succeeded. */
function call(binDir: string, command: string, input: string, { PATH }: Variables) {
  const env = { PATH, CNI_COMMAND: command, CNI_PATH: binDir };
  const ran = runProgram({ file: `${binDir}/trestle`, args: [], env, input, deadlineMs: DEADLINE_MS });
  if (ran.succeeded) return { stdout: ran.stdout.trim(), said: undefined };
  const msg = fieldOf(ran.stdout, 'msg');
  const said = typeof msg === 'string' ? msg : `it ended by ${ran.status}: ${ran.stderr.trim() || 'without a word'}`;
  return { stdout: ran.stdout.trim(), said };
}

function fieldOf(stdout: string, key: string): unknown {
  try {
    const value = parseJson(stdout);
    return isObject(value) ? value[key] : undefined;
  } catch {
    return undefined;
  }
}
