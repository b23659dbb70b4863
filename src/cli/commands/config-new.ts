/** `trestle config new`: prints a network configuration list. */

import { type ConflistFlags, conflistFlags, conflistText } from '../configuration/conflist.ts';
import { defineCommand, HEALTHY } from '../context.ts';

export const configNew = defineCommand<ConflistFlags>({
  brief: 'Print a configuration for a network',
  description:
    'Prints a configuration list that "trestle config check" has nothing to complain of. Write it into a file in /etc/cni/net.d with the ending .conflist; "trestle install" does that with the same flags.',
  parameters: { flags: conflistFlags },
  run({ terminal }, flags) {
    terminal.write(conflistText(flags));
    return HEALTHY;
  },
});
