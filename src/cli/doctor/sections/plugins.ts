/** The plugins that the configurations name: whether a runtime finds them, and speaks their versions. */

import { LATEST_VERSION, VERSIONS } from '../../../cni/versions.ts';
import { OWN_IPAM } from '../../../plugins/ipam/section.ts';
import { isObject } from '../../../schema/json.ts';
import { statPath } from '../../../sys/directory.ts';
import { type Ended, findProgram, runProgram } from '../../../sys/process.ts';
import type { Configuration, PluginEntry } from '../../inventory/configurations.ts';
import { word } from '../command-lines.ts';
import type { Examination, Finding, Section } from '../examination.ts';
import { isOwnType } from '../own-plugin.ts';
import { isPodRuntime } from '../runtimes.ts';

/** Where distributions put plugins. */
const USUAL_DIRECTORIES = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni'];
const EXECUTABLE = 0o111;
const DEADLINE_MS = 5_000;
/** The first containerd that takes results of cniVersion 1.1.0. */
const CONTAINERD_WITH_LATEST = 2;

const INSTALL_REFERENCE =
  'if command -v apt-get >/dev/null; then apt-get install -y containernetworking-plugins; else dnf install -y containernetworking-plugins; fi';

export const plugins: Section = {
  name: 'plugins',
  examine(examination) {
    const usable = examination.inventory.configurations.filter(({ flaw }) => flaw === undefined);
    const types = [
      ...new Set([...usable.flatMap((one) => typesOf(one, examination)), ...loopback(examination, usable)]),
    ];
    const findings = types.flatMap((type) => flawOf(type, examination));
    const found = types.filter((type) => fileOf(type, examination) !== undefined);
    const versions = usable.flatMap((one) => unspokenVersion(one, examination));
    const summary =
      found.length === 0 ? 'no configuration needs any' : `${found.join(', ')} in ${examination.binDirs.join(', ')}`;
    return { summary, findings: [...findings, ...versions] };
  },
};

/** The plugins of a configuration: main plugins, and the IPAM plugins that they do not do themselves. */
function typesOf({ plugins: entries }: Configuration, { binDirs }: Examination): string[] {
  return entries.flatMap((entry) => {
    const ipam = ipamTypeOf(entry);
    const isOwnWork = ipam !== undefined && OWN_IPAM.includes(ipam) && isOwnType(entry.type, binDirs);
    return [entry.type, ...(ipam === undefined || isOwnWork ? [] : [ipam])];
  });
}

function ipamTypeOf({ json: { ipam } }: PluginEntry): string | undefined {
  const type = isObject(ipam) ? ipam.type : undefined;
  return typeof type === 'string' && type !== '' ? type : undefined;
}

/** containerd and CRI-O have `loopback` set up each container's lo. */
function loopback({ runtimes }: Examination, usable: readonly Configuration[]): string[] {
  return usable.length > 0 && runtimes.some(isPodRuntime) ? ['loopback'] : [];
}

function fileOf(type: string, { binDirs }: Examination): string | undefined {
  return findProgram(type, binDirs);
}

function flawOf(type: string, examination: Examination): Finding[] {
  const file = fileOf(type, examination);
  const about = { level: 'error', subject: type, isSafe: true } as const;
  if (file === undefined) {
    const evidence = `it is in none of ${examination.binDirs.join(', ')}`;
    const what = 'the runtime does not find this plugin, so it starts no container';
    return [{ ...about, code: 'plugin-missing', what, evidence, ...installing(type, examination) }];
  }
  const mode = statPath(file)?.mode ?? 0;
  if ((mode & EXECUTABLE) !== 0) return brokenPlugin(type, file, examination);
  const what = 'the runtime cannot start this plugin: its file is not executable';
  const evidence = `${file}: mode ${mode.toString(8).padStart(4, '0')}`;
  return [{ ...about, code: 'plugin-not-executable', what, evidence, fix: `chmod 755 ${word(file)}` }];
}

/** A file that the kernel does not start: it is cut short, or for another processor. */
function brokenPlugin(type: string, file: string, examination: Examination): Finding[] {
  const ran = isOwnType(type, examination.binDirs) ? undefined : askForVersions(file, examination);
  // Node hands a file that the kernel refuses to a shell, which ends with these.
  if (ran === undefined || (ran.started && ran.status !== 126 && ran.status !== 127)) return [];
  const { fix, isSafe } = installing(type, examination);
  return [
    {
      level: 'error',
      code: 'plugin-broken',
      subject: type,
      what: 'the kernel cannot start this plugin: its file is damaged, or for another processor',
      evidence: `${file}: ${ran.status}`,
      fix: `rm ${word(file)} && { ${fix}; }`,
      isSafe,
    },
  ];
}

/** How to get a plugin: our own is a copy of this program, another may be in another directory, or in a package. */
function installing(type: string, { binDirs }: Examination): Pick<Finding, 'fix' | 'isSafe'> {
  const [directory = USUAL_DIRECTORIES[0] as string] = binDirs;
  const target = word(`${directory}/${type}`);
  const make = `mkdir -p ${word(directory)}`;
  if (type === 'trestle' || type === 'trestle-ipam')
    return { fix: `${make} && install -m 755 "$(command -v trestle)" ${target}`, isSafe: true };
  const elsewhere = findProgram(
    type,
    USUAL_DIRECTORIES.filter((one) => !binDirs.includes(one)),
  );
  if (elsewhere !== undefined) return { fix: `${make} && ln -s ${word(elsewhere)} ${target}`, isSafe: true };
  return { fix: INSTALL_REFERENCE, isSafe: false };
}

/** A version that a plugin of the list, or the runtime, does not know: each container fails. */
function unspokenVersion(configuration: Configuration, examination: Examination): Finding[] {
  const { file, cniVersion } = configuration;
  if (cniVersion === '') return [];
  const speakers = [
    ...typesOf(configuration, examination).map((type) => pluginSpeaker(type, examination)),
    runtimeSpeaker(configuration, examination),
  ];
  const known = speakers.filter((one) => one !== undefined);
  const mute = known.filter(({ versions }) => !versions.includes(cniVersion));
  if (mute.length === 0) return [];
  const common = VERSIONS.findLast((version) => known.every(({ versions }) => versions.includes(version)));
  const change = `s/"cniVersion"\\([[:space:]]*:[[:space:]]*\\)"[^"]*"/"cniVersion"\\1"${common}"/`;
  return [
    {
      level: 'error',
      code: 'version-not-spoken',
      subject: file,
      what: `cniVersion ${JSON.stringify(cniVersion)} is not known to ${mute.map(({ name }) => name).join(' and ')}, so no container is attached`,
      evidence: mute.map(({ name, versions }) => `${name} knows ${versions.join(', ') || 'none'}`).join('; '),
      fix: common === undefined ? `trestle config check ${word(file)}` : `sed -i ${word(change)} ${word(file)}`,
      isSafe: false,
    },
  ];
}

interface Speaker {
  readonly name: string;
  readonly versions: readonly string[];
}

/** What a plugin answers to VERSION; undefined where it is missing, or does not answer. */
function pluginSpeaker(type: string, examination: Examination): Speaker | undefined {
  if (isOwnType(type, examination.binDirs)) return { name: type, versions: VERSIONS };
  const file = fileOf(type, examination);
  if (file === undefined) return undefined;
  try {
    const answer: unknown = JSON.parse(askForVersions(file, examination).stdout);
    const versions: unknown = isObject(answer) ? answer.supportedVersions : undefined;
    return Array.isArray(versions) ? { name: type, versions: versions.map(String) } : undefined;
  } catch {
    return undefined;
  }
}

function askForVersions(file: string, { variables }: Examination): Ended {
  const env = { CNI_COMMAND: 'VERSION', PATH: variables.PATH };
  const input = JSON.stringify({ cniVersion: '1.0.0' });
  return runProgram({ file, args: [], env, input, deadlineMs: DEADLINE_MS });
}

/** An older containerd refuses results of the latest version; it is asked only where a configuration has that. */
function runtimeSpeaker({ cniVersion }: Configuration, { runtimes }: Examination): Speaker | undefined {
  const containerd = runtimes.find(({ name }) => name === 'containerd');
  if (containerd === undefined || cniVersion !== LATEST_VERSION) return undefined;
  const version = containerd.version();
  if (version === undefined || Number.parseInt(version, 10) >= CONTAINERD_WITH_LATEST) return undefined;
  return { name: `containerd ${version}`, versions: VERSIONS.filter((one) => one !== LATEST_VERSION) };
}
