/** `trestle man`: prints the manual page. */

import type { RouteMap } from '@stricli/core';
import { type Command, type Context, defineCommand, HEALTHY } from '../context.ts';
import { manualPage } from '../manual/manual.ts';

/** The command for the manual of these commands. */
export function manCommand(root: () => RouteMap<Context>, version: string): Command {
  return defineCommand<Record<never, never>>({
    brief: 'Print the manual page',
    description:
      'Prints the manual page trestle(8), made from the same descriptions as the help. To read it: trestle man | man -l -',
    parameters: {},
    run({ terminal }) {
      terminal.write(manualPage(root(), version));
      return HEALTHY;
    },
  });
}
