/** A step of `install` and `uninstall`: shown before it is carried out, and not carried out with --dry-run. */

import { Fault, reasonOf } from '../../fault.ts';
import type { Terminal } from '../context.ts';
import { styleFor } from '../output/style.ts';

export interface Step {
  /** A verb: `write`, `link`, `keep`, `back up`, `remove`, `restore`. */
  readonly action: string;
  /** The path, or what on the node. */
  readonly subject: string;
  /** What else there is to know, a clause. */
  readonly note?: string | undefined;
  /** Absent where nothing is done. */
  readonly run?: () => void;
}

const WIDTH = 'make directory'.length;

/** A step as `--json` prints it. */
export function stepJson({ action, subject, note }: Step) {
  return { action, subject, ...(note !== undefined && { note }) };
}

/** Carries out the steps in order, each after `show` has shown it. @throws Fault `io` that names the step */
export function carryOut(steps: readonly Step[], isDryRun: boolean, show: (step: Step) => void): void {
  for (const step of steps) {
    show(step);
    if (isDryRun) continue;
    try {
      step.run?.();
    } catch (cause) {
      if (cause instanceof Fault) throw cause;
      throw new Fault('io', `cannot ${step.action} ${step.subject}: ${reasonOf(cause)}`, {
        cause,
        details: 'What was done before stays. Mend the cause and run the command again.',
      });
    }
  }
}

/** Writes a step as a line. */
export function showStep(terminal: Terminal, { action, subject, note, run }: Step): void {
  const style = styleFor(terminal);
  const verb = action.padEnd(WIDTH);
  const shown = run === undefined ? style.dim(verb) : style.bold(verb);
  terminal.write(`${shown}  ${subject}${note === undefined ? '' : `  ${style.dim(`(${note})`)}`}\n`);
}
