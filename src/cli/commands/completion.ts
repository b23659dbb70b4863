/** `trestle completion SHELL`, and the hidden command that its scripts ask. */

import type { Application } from '@stricli/core';
import { buildCommand } from '@stricli/core';
import { proposalsFor } from '../completion/proposals.ts';
import { completionScript, SHELLS, type Shell } from '../completion/scripts.ts';
import { type Command, type Context, defineCommand, HEALTHY } from '../context.ts';
import { text } from '../flags.ts';

export const completion = defineCommand<Record<never, never>, [Shell]>({
  brief: 'Print the completion script for a shell',
  description:
    'Prints a script that makes bash, zsh or fish complete the command lines of trestle: commands, flags, and values where they are known. The first line of the script says where it belongs.',
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [
        { parse: shellNamed, placeholder: SHELLS.join('|'), brief: 'The shell', proposeCompletions: () => SHELLS },
      ],
    },
  },
  run({ terminal }, _, shell) {
    terminal.write(completionScript(shell));
    return HEALTHY;
  },
});

/**
 * The command `complete -- WORDS`: prints what may stand in place of the last word, a line each, with a tabulator and a
 * description.
 */
export function completeCommand(application: () => Application<Context>): Command {
  return buildCommand<Record<never, never>, string[], Context>({
    docs: { brief: 'Print what may come next, for the completion scripts' },
    parameters: { positional: { kind: 'array', parameter: { parse: text, placeholder: 'WORD', brief: 'A word' } } },
    async func(this: Context, _: Record<never, never>, ...words: string[]) {
      const proposed = await proposalsFor(application(), words, this);
      for (const { word, brief } of proposed) this.terminal.write(`${word}\t${brief}\n`);
    },
  });
}

function shellNamed(name: string): Shell {
  const shell = SHELLS.find((one) => one === name);
  if (shell === undefined) throw new SyntaxError(`expected ${SHELLS.join(', ')}`);
  return shell;
}
