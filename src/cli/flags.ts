/** Flags that several commands have. */

import type { TypedFlagParameter } from '@stricli/core';
import { DEFAULT_DATA_DIR } from '../ipam/index.ts';
import type { Context } from './context.ts';

/** The directory of network configurations that container runtimes read by default. */
export const DEFAULT_CONF_DIR = '/etc/cni/net.d';

export interface JsonFlag {
  readonly json?: boolean;
}

/** Where leases and configurations are. */
export interface PlaceFlags {
  readonly dataDir?: readonly string[];
  readonly confDir: string;
}

export interface NetworkFlag {
  readonly network?: string;
}

export interface DryRunFlag {
  readonly dryRun?: boolean;
}

/** A flag whose value is text. */
export const text = (value: string): string => value;

type Flag<T> = TypedFlagParameter<T, Context>;

export const jsonFlag: { readonly json: Flag<boolean | undefined> } = {
  json: { kind: 'boolean', optional: true, withNegated: false, brief: 'Print JSON instead of text' },
};

export const placeFlags: {
  readonly dataDir: Flag<readonly string[] | undefined>;
  readonly confDir: Flag<string>;
} = {
  dataDir: {
    kind: 'parsed',
    parse: text,
    optional: true,
    variadic: true,
    placeholder: 'DIR',
    brief: `A data directory with leases; default: those of the configurations, and ${DEFAULT_DATA_DIR}`,
  },
  confDir: {
    kind: 'parsed',
    parse: text,
    default: DEFAULT_CONF_DIR,
    placeholder: 'DIR',
    brief: 'The directory of the network configurations',
  },
};

export const networkFlag: { readonly network: Flag<string | undefined> } = {
  network: { kind: 'parsed', parse: text, optional: true, placeholder: 'NAME', brief: 'This network only' },
};

export const dryRunFlag: { readonly dryRun: Flag<boolean | undefined> } = {
  dryRun: { kind: 'boolean', optional: true, withNegated: false, brief: 'Show what would be done, and change nothing' },
};

/** A flag for directories of plugins; `brief` says what for, and which are looked into without it. */
export function binDirFlag(brief: string): { readonly binDir: Flag<readonly string[] | undefined> } {
  return { binDir: { kind: 'parsed', parse: text, optional: true, variadic: true, placeholder: 'DIR', brief } };
}
