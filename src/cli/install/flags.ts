/** Flags that `install` and `uninstall` share: where things are. */

import type { TypedFlagParameter } from '@stricli/core';
import type { Context } from '../context.ts';
import { DEFAULT_CONF_DIR, text } from '../flags.ts';
import { DEFAULT_MANIFEST } from './manifest.ts';

export interface StepFlags {
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly confDir: string;
  readonly manifest: string;
}

type Flag<T> = TypedFlagParameter<T, Context>;

/** A flag with a directory. */
export function directoryFlag(brief: string, initial: string): Flag<string> {
  return { kind: 'parsed', parse: directory, default: initial, placeholder: 'DIR', brief };
}

export const dryRunFlag: { readonly dryRun: Flag<boolean | undefined> } = {
  dryRun: { kind: 'boolean', optional: true, withNegated: false, brief: 'Print every step, and change nothing' },
};

export const placeFlags: { readonly confDir: Flag<string>; readonly manifest: Flag<string> } = {
  confDir: directoryFlag('The directory of the network configurations', DEFAULT_CONF_DIR),
  manifest: {
    kind: 'parsed',
    parse: text,
    default: DEFAULT_MANIFEST,
    placeholder: 'FILE',
    brief: 'The file that says what was installed',
  },
};

/** Without slashes at its end. */
function directory(path: string): string {
  return path.replace(/(.)\/+$/, '$1');
}
