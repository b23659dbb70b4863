/** `trestle doctor`: finds what is wrong on the node, says what mends it, and mends what is safe to mend. */

import { plainText } from '../../fault.ts';
import { DEFAULT_DATA_DIR } from '../../ipam/index.ts';
import { silentLog } from '../../log.ts';
import type { ProbeTarget } from '../../netlink/probe/probe.ts';
import { type Node, withNode } from '../../resources/node.ts';
import { effectiveUser } from '../../sys/process.ts';
import { type Context, defineCommand, FINDINGS, HEALTHY, misuse } from '../context.ts';
import type { Examination, Finding, Section } from '../doctor/examination.ts';
import { type Examined, examineAll } from '../doctor/examine.ts';
import { kernelLogOf, readProc } from '../doctor/proc.ts';
import { parseTarget } from '../doctor/reach/targets.ts';
import { findRuntimes } from '../doctor/runtimes.ts';
import { SECTIONS } from '../doctor/sections/index.ts';
import { notRoot } from '../doctor/sections/permissions.ts';
import { runInShell } from '../doctor/shell.ts';
import { binDirFlag, type JsonFlag, jsonFlag, type NetworkFlag, type PlaceFlags, placeFlags, text } from '../flags.ts';
import { takeInventory } from '../inventory/inventory.ts';
import { writeJson } from '../output/json.ts';
import { type Style, styleFor } from '../output/style.ts';

interface Flags extends JsonFlag, PlaceFlags, NetworkFlag {
  readonly probe?: boolean;
  readonly probeTo?: readonly ProbeTarget[];
  readonly binDir?: readonly string[];
  readonly cacheDir: string;
  readonly kernelLog?: string;
  readonly section?: readonly string[];
  readonly fix?: boolean;
}

/** A finding whose command line `--fix` ran. */
interface Mended {
  readonly finding: Finding;
  readonly succeeded: boolean;
  readonly said: string;
}

/** As many characters of what a failed command line says as fit a few lines. */
const MOST_SAID = 300;
const DEFAULT_BIN_DIRS = ['/opt/cni/bin', '/usr/lib/cni'];
const DEFAULT_CACHE_DIR = DEFAULT_DATA_DIR.slice(0, DEFAULT_DATA_DIR.lastIndexOf('/'));

export const doctor = defineCommand<Flags>({
  brief: 'Find what is wrong on this node, and what mends it',
  description:
    'Examines the node from the kernel to what its containers can reach. A section without findings is one line. Each finding has its evidence and the command line that mends it; docs/doctor.md has the list. With --fix the safe ones among the command lines are shown, run, and the node is examined again. The exit status is 0 where all is well, and 1 where there are findings.',
  parameters: {
    flags: {
      ...jsonFlag,
      ...placeFlags,
      fix: {
        kind: 'boolean',
        optional: true,
        withNegated: false,
        brief: 'Run the command lines that take nothing away from a container or another program',
      },
      probe: {
        kind: 'boolean',
        optional: true,
        withNegated: false,
        brief: 'Send probes from the containers to their gateways and to each other; it takes a second',
      },
      probeTo: {
        kind: 'parsed',
        parse: parseTarget,
        optional: true,
        variadic: true,
        placeholder: 'ADDRESS[:PORT]',
        brief: 'Also probe this address, or open a TCP connection to its port',
      },
      network: {
        kind: 'parsed',
        parse: text,
        optional: true,
        placeholder: 'NAME',
        brief: 'Probe from the containers of this network only',
      },
      section: {
        kind: 'parsed',
        parse: text,
        optional: true,
        variadic: true,
        placeholder: 'NAME',
        brief: 'Examine this section only',
      },
      ...binDirFlag(`A directory of plugins; default: ${DEFAULT_BIN_DIRS.join(' and ')}`),
      cacheDir: {
        kind: 'parsed',
        parse: text,
        default: DEFAULT_CACHE_DIR,
        placeholder: 'DIR',
        brief: 'The directory in which the runtime keeps results',
      },
      kernelLog: {
        kind: 'parsed',
        parse: text,
        optional: true,
        placeholder: 'FILE',
        brief: "The kernel's log; default: /dev/kmsg, in the network namespace of process 1",
      },
    },
  },
  run(context, flags) {
    const { variables, log, terminal } = context;
    const sections = sectionsNamed(flags.section);
    if (effectiveUser() !== 0) return report(context, flags, [{ section: permissionsFirst(), ...notRoot() }], []);
    const examine = () =>
      withNode(variables.PATH ?? '', log, (node) => examineAll(sections, examinationOf(node, context, flags)));
    const first = examine();
    if (flags.fix !== true) return report(context, flags, first, []);
    const said = flags.json === true ? () => undefined : (line: string) => terminal.write(line);
    const mended = mend(first, variables.PATH ?? '', said, styleFor(terminal));
    return report(context, flags, mended.length === 0 ? first : examine(), mended);
  },
});

function permissionsFirst(): Section {
  return SECTIONS[0] as Section;
}

/** @throws Fault of `misuse` for a name that is none */
function sectionsNamed(names: readonly string[] | undefined): readonly Section[] {
  if (names === undefined || names.length === 0) return SECTIONS;
  const unknown = names.find((name) => !SECTIONS.some((section) => section.name === name));
  if (unknown === undefined) return SECTIONS.filter(({ name }) => names.includes(name));
  const known = SECTIONS.map(({ name }) => name).join(', ');
  throw misuse(`${JSON.stringify(unknown)} is no section of the examination`, `The sections are ${known}.`);
}

function examinationOf(node: Node, { variables }: Context, flags: Flags): Examination {
  const { binDir = [], cacheDir, kernelLog, probe = false, probeTo = [], network, ...place } = flags;
  const isProbing = probe || probeTo.length > 0;
  return {
    node,
    inventory: takeInventory({ ...node, log: silentLog }, place), // the section `leases` tells what is broken
    probe: isProbing ? { to: probeTo, network } : undefined,
    variables,
    confDir: place.confDir,
    binDirs: binDir.length > 0 ? binDir : DEFAULT_BIN_DIRS,
    cacheDir,
    readProc,
    kernelLog: kernelLog ?? kernelLogOf(node.netns),
    runtimes: findRuntimes(variables.PATH ?? ''),
  };
}

/** Shows each command line that is safe, runs it, and says what came of it. Findings may share a command line. */
function mend(examined: readonly Examined[], searchPath: string, say: (line: string) => void, style: Style): Mended[] {
  const safe = examined.flatMap(({ findings }) => findings).filter(({ isSafe }) => isSafe);
  const distinct = safe.filter(({ fix }, at) => safe.findIndex((other) => other.fix === fix) === at);
  return distinct.map((finding) => {
    say(`${style.bold(finding.code)}: ${plainText(finding.subject)}: ${plainText(finding.what)}\n`);
    say(`  ${style.cyan(withoutControls(finding.fix))}\n`);
    const { succeeded, said } = runInShell(finding.fix, searchPath);
    say(
      `  ${succeeded ? style.green('done') : style.red(`not all of it: ${plainText(said).slice(0, MOST_SAID)}`)}\n\n`,
    );
    return { finding, succeeded, said };
  });
}

function report(
  { terminal }: Context,
  { json, fix }: Flags,
  examined: readonly Examined[],
  mended: readonly Mended[],
): typeof HEALTHY | typeof FINDINGS {
  const findings = examined.flatMap((one) => one.findings);
  const healthy = findings.length === 0;
  if (json === true) {
    const fixed = mended.map(({ finding, succeeded, said }) => ({ ...findingJson(finding), succeeded, said }));
    writeJson(terminal, { healthy, findings: findings.map(findingJson), ...(fix === true && { fixed }) });
  } else show(terminal, examined);
  return healthy ? HEALTHY : FINDINGS;
}

/** A finding as `doctor --json` prints it. */
function findingJson({ isSafe: _, ...finding }: Finding) {
  return finding;
}

function show(terminal: Context['terminal'], examined: readonly Examined[]): void {
  const style = styleFor(terminal);
  const width = Math.max(...examined.map(({ section }) => section.name.length));
  for (const { section, summary, findings } of examined) {
    const name = section.name.padEnd(width);
    const count = findings.length === 1 ? '1 finding' : `${findings.length} findings`;
    const mark = findings.length === 0 ? style.green('ok') : style.red('--');
    terminal.write(`${mark}  ${name}  ${findings.length === 0 ? summary : count}\n`);
    for (const { level, code, subject, what, evidence, fix } of findings) {
      const paint = level === 'error' ? style.red : style.yellow;
      terminal.write(`\n    ${paint(level)} ${code}: ${style.bold(plainText(subject))}: ${plainText(what)}\n`);
      terminal.write(`      ${plainText(evidence)}\n      ${style.cyan(withoutControls(fix))}\n`);
    }
    if (findings.length > 0) terminal.write('\n');
  }
}

/** A command line for the screen: names in it may hold characters that a terminal would obey. */
function withoutControls(commandLine: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return commandLine.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
