/** The versions of the CNI specification that we support. */

import { Fault } from '../fault.ts';

export const VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export type CniVersion = (typeof VERSIONS)[number];

/** What a configuration without `cniVersion` means (CNI spec, section 1). */
const IMPLIED_VERSION: CniVersion = '0.1.0';
export const LATEST_VERSION: CniVersion = '1.1.0';

/** The first version that has the command, for the commands that are younger than ADD and DEL. */
const SINCE: Readonly<Record<string, CniVersion>> = { CHECK: '0.4.0', GC: '1.1.0', STATUS: '1.1.0' };

/** The cniVersion of the configuration, or of `what`. @throws Fault `version` when it is none of ours */
export function parseVersion(value: unknown, what = 'the configuration'): CniVersion {
  if (value === undefined || value === '') return IMPLIED_VERSION;
  const version = VERSIONS.find((known) => known === value);
  if (version !== undefined) return version;
  throw new Fault('version', `cannot use ${what}: cniVersion ${JSON.stringify(value)} is not supported`, {
    details: `Supported are ${VERSIONS.join(', ')}.`,
  });
}

export function isAtLeast(version: CniVersion, least: CniVersion): boolean {
  return VERSIONS.indexOf(version) >= VERSIONS.indexOf(least);
}

/**
 * @throws Fault `version` when the configuration's version does not have the command, in the words of the reference
 * (pkg/skel of containernetworking/cni), which runtimes and their tests compare
 */
export function verifyCommandVersion(command: string, version: CniVersion): void {
  const since = SINCE[command];
  if (since === undefined || isAtLeast(version, since)) return;
  throw new Fault('version', `config version does not allow ${command}`, {
    details: `The configuration's cniVersion is ${version}; ${command} needs ${since} or later.`,
  });
}
