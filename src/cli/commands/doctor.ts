/** `trestle doctor`: finds what is wrong on the node, says what mends it, and mends what is safe to mend. */

import { withNode } from '../../resources/node.ts';
import { type Context, defineCommand, FINDINGS, HEALTHY } from '../context.ts';
import type { Examination, Finding, Report, Section } from '../doctor/examination.ts';
import { SECTIONS } from '../doctor/sections/index.ts';
import { type JsonFlag, jsonFlag, type PlaceFlags, placeFlags, text } from '../flags.ts';
import { takeInventory } from '../inventory/inventory.ts';
import { writeJson } from '../output/json.ts';
import { styleFor } from '../output/style.ts';

interface Flags extends JsonFlag, PlaceFlags {
  readonly binDir?: readonly string[];
}

interface Examined extends Report {
  readonly section: Section;
}

const DEFAULT_BIN_DIRS = ['/opt/cni/bin', '/usr/lib/cni'];

export const doctor = defineCommand<Flags>({
  brief: 'Find what is wrong on this node, and what mends it',
  description:
    'Examines the node from the kernel to what its containers can reach. A section without findings is one line. Each finding has its evidence and the command line that mends it. The exit status is 0 where all is well, and 1 where there are findings.',
  parameters: {
    flags: {
      ...jsonFlag,
      ...placeFlags,
      binDir: {
        kind: 'parsed',
        parse: text,
        optional: true,
        variadic: true,
        placeholder: 'DIR',
        brief: `A directory of plugins; default: ${DEFAULT_BIN_DIRS.join(' and ')}`,
      },
    },
  },
  run(context, { json, binDir = DEFAULT_BIN_DIRS, ...place }) {
    const { variables, log, terminal } = context;
    const examined = withNode(variables.PATH ?? '', log, (node) => {
      const inventory = takeInventory(node, place);
      const examination: Examination = { node, inventory, variables, confDir: place.confDir, binDirs: binDir };
      return SECTIONS.map((section): Examined => ({ section, ...section.examine(examination) }));
    });
    const findings = examined.flatMap((one) => one.findings);
    if (json === true) writeJson(terminal, { healthy: findings.length === 0, findings: findings.map(findingJson) });
    else show(context, examined);
    return findings.length === 0 ? HEALTHY : FINDINGS;
  },
});

/** A finding as `doctor --json` prints it. */
function findingJson({ isSafe: _, ...finding }: Finding) {
  return finding;
}

function show({ terminal }: Context, examined: readonly Examined[]): void {
  const style = styleFor(terminal);
  const width = Math.max(...examined.map(({ section }) => section.name.length));
  for (const { section, summary, findings } of examined) {
    const name = section.name.padEnd(width);
    if (findings.length === 0) terminal.write(`${style.green('ok')}  ${name}  ${summary}\n`);
    else
      terminal.write(
        `${style.red('--')}  ${name}  ${findings.length === 1 ? '1 finding' : `${findings.length} findings`}\n`,
      );
    for (const { level, code, subject, what, evidence, fix } of findings) {
      const paint = level === 'error' ? style.red : style.yellow;
      terminal.write(`\n    ${paint(level)} ${code}: ${style.bold(subject)}: ${what}\n`);
      terminal.write(`      ${evidence}\n      ${style.cyan(fix)}\n`);
    }
  }
}
