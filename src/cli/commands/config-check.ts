/** `trestle config check`: names everything that is wrong with configurations, and mends misspellings. */

import { readInput } from '../../cni/stdio.ts';
import { reasonOf } from '../../fault.ts';
import { statPath } from '../../sys/directory.ts';
import { readWholeText } from '../../sys/file.ts';
import { replaceText } from '../../sys/placement.ts';
import { type Checked, checkConfiguration, mended } from '../configuration/check.ts';
import type { Complaint } from '../configuration/complaint.ts';
import { unifiedDiff } from '../configuration/edit.ts';
import { type Context, defineCommand, FINDINGS, HEALTHY, misuse } from '../context.ts';
import { binDirFlag, type JsonFlag, jsonFlag, text } from '../flags.ts';
import { writeJson } from '../output/json.ts';
import { styleFor } from '../output/style.ts';

interface Flags extends JsonFlag {
  readonly fix?: boolean;
  readonly binDir?: readonly string[];
}

/** A file with what is wrong with it, and the patch that mends what can be mended. */
interface CheckedFile extends Checked {
  readonly file: string;
  readonly patch: string;
}

const STDIN = '-';

export const configCheck = defineCommand<Flags, string[]>({
  brief: 'Name everything that is wrong with configurations',
  description:
    'Reads each FILE as a runtime and the plugins would: JSON, the structure of a list, and the keys of each plugin that Trestle can stand in for. Each complaint has its line and column. Misspelt keys and names come with a patch; --fix writes it. A file "-" is standard input. The exit status is 0 where nothing is wrong, 1 where something is, and 2 where a file cannot be read.',
  parameters: {
    flags: {
      ...jsonFlag,
      fix: { kind: 'boolean', optional: true, withNegated: false, brief: 'Mend misspellings in the files' },
      ...binDirFlag('A directory in which to look for the plugins'),
    },
    positional: {
      kind: 'array',
      minimum: 1,
      parameter: {
        parse: text,
        placeholder: 'FILE',
        brief: 'A configuration, or - for standard input',
      },
    },
  },
  run(context, { json, fix, binDir }, ...files) {
    if (fix === true && files.includes(STDIN)) throw misuse('cannot mend standard input', 'Name a file for --fix.');
    const texts = files.map((file) => ({ file, text: readConfigurationText(file) }));
    const results = texts.map(({ file, text: before }): CheckedFile => {
      const options = { isList: listExpected(file), ...(binDir && { binDirs: binDir }) };
      const after = mended(before, options);
      const patch = unifiedDiff(file, before, after);
      if (fix === true && patch !== '') replaceText(file, after);
      return { file, patch, ...checkConfiguration(fix === true ? after : before, options) };
    });
    if (json === true) writeJson(context.terminal, results.map(checkedJson));
    else for (const one of results) show(context, one, fix === true);
    return results.every(({ complaints }) => complaints.length === 0) ? HEALTHY : FINDINGS;
  },
});

/** A file as `config check --json` prints it. */
function checkedJson({ file, network, types, complaints, patch }: CheckedFile) {
  const shown = complaints.map(({ line, column, severity, what, advice }) => ({
    line,
    column,
    severity,
    what,
    ...(advice !== undefined && { advice }),
  }));
  return { file, network, plugins: types, complaints: shown, patch };
}

/** @throws Fault of `misuse` where the file cannot be read */
function readConfigurationText(file: string): string {
  if (file === STDIN) return readInput(0);
  try {
    if (statPath(file)?.isDirectory) throw new Error('it is a directory; name the files in it');
    return readWholeText(file);
  } catch (error) {
    throw misuse(`cannot read ${file}: ${reasonOf(error).replace(/^\w+: /, '')}`);
  }
}

/** A runtime goes by the ending of the name; undefined where there is none. */
function listExpected(file: string): boolean | undefined {
  if (file.endsWith('.conflist')) return true;
  return file.endsWith('.conf') || file.endsWith('.json') ? false : undefined;
}

function show({ terminal }: Context, { file, network, types, complaints, patch }: CheckedFile, isFixed: boolean): void {
  const style = styleFor(terminal);
  const line = (complaint: Complaint) => {
    const { severity, what, advice } = complaint;
    const paint = severity === 'error' ? style.red : style.yellow;
    terminal.write(`${file}:${complaint.line}:${complaint.column}: ${paint(severity)}: ${what}\n`);
    if (advice !== undefined) terminal.write(`    ${advice}\n`);
  };
  if (isFixed && patch !== '') terminal.write(`${file}: mended:\n${patch}`);
  for (const complaint of complaints) line(complaint);
  if (complaints.length === 0)
    terminal.write(`${file}: ${style.green('ok')}, network ${network}, ${types.join(', ')}\n`);
  if (!isFixed && patch !== '') {
    const how = file === STDIN ? 'This patch mends' : `"trestle config check --fix ${file}" writes`;
    terminal.write(`\n${how}:\n${patch}`);
  }
}
