/** The network configurations, as a runtime and the plugin read them. */

import type { NearKey } from '../../../cni/keys.ts';
import type { Configuration } from '../../inventory/configurations.ts';
import { word } from '../command-lines.ts';
import type { Examination, Finding, Section } from '../examination.ts';
import { type Reading, readOwnEntries } from '../own-plugin.ts';
import { isPodRuntime } from '../runtimes.ts';

export const configurations: Section = {
  name: 'configurations',
  examine(examination) {
    const { inventory, confDir } = examination;
    const usable = inventory.configurations.filter(({ flaw }) => flaw === undefined);
    const findings = [
      ...inventory.configurations.flatMap(brokenFile),
      ...readOwnEntries(examination).flatMap(flawsOf),
      ...unusedFiles(examination, usable),
    ];
    const [first] = usable;
    const taken = first === undefined ? `none in ${confDir}` : `${first.file} (network ${first.network}) comes first`;
    return { summary: taken, findings };
  },
};

/** The command line that takes a file out of the runtime's sight. */
function setAside(file: string): string {
  return `mv ${word(file)} ${word(`${file}.disabled`)}`;
}

function brokenFile({ file, flaw }: Configuration): Finding[] {
  if (flaw === undefined) return [];
  return [
    {
      level: 'error',
      code: 'configuration-broken',
      subject: file,
      what: 'a runtime cannot use this configuration',
      evidence: flaw,
      fix: `trestle config check ${word(file)}`,
      isSafe: false,
    },
  ];
}

/** What the plugin says of an entry of ours. A misspelt key may be the reason of a refusal, so then it is named alone. */
function flawsOf({ configuration, refusal, near, warnings }: Reading): Finding[] {
  const { file } = configuration;
  const check = `trestle config check ${word(file)}`;
  const misspelt = near.map((one) => misspeltKey(file, one));
  if (near.some(({ fate }) => fate === 'ignored')) return misspelt;
  // A version that the plugin does not speak is told among the plugins, with the versions that they have in common.
  const refused: Finding[] =
    refusal === undefined || refusal.kind === 'version'
      ? []
      : [
          {
            level: 'error',
            code: 'configuration-refused',
            subject: file,
            what: 'the plugin refuses this configuration, so no container gets an interface by it',
            evidence: [refusal.message, refusal.details].filter((text) => text !== undefined).join('. '),
            fix: check,
            isSafe: false,
          },
        ];
  const others = warnings.map(
    (evidence): Finding => ({
      level: 'warning',
      code: 'configuration-doubtful',
      subject: file,
      what: 'a part of the configuration does not do what it seems to',
      evidence,
      fix: check,
      isSafe: false,
    }),
  );
  return [...misspelt, ...refused, ...others];
}

function misspeltKey(file: string, { where, key, meant, fate }: NearKey): Finding {
  const effects = {
    ignored: `the key "${where}" is not known and has no effect; "${meant}" is`,
    doubled: `the key "${where}" has no effect beside "${meant}"`,
    taken: `the key "${where}" is taken for "${meant}"; other plugins may not accept it`,
  };
  const pattern = (name: string) => `"${name.replace(/[^\w-]/g, '.')}"`;
  const rename = word(`s|${pattern(key)}\\([[:space:]]*:\\)|"${meant}"\\1|g`);
  return {
    level: 'warning',
    code: 'key-misspelt',
    subject: file,
    what: effects[fate],
    evidence: `"${where}" stands in ${file}`,
    fix: fate === 'doubled' ? `trestle config check ${word(file)}` : `sed -i ${rename} ${word(file)}`,
    // The plugin reads the key that way already, so that nothing changes for it.
    isSafe: fate === 'taken',
  };
}

/** A runtime that starts pods takes the first file; other programs take the first file of a network's name. */
function unusedFiles({ runtimes }: Examination, usable: readonly Configuration[]): Finding[] {
  const [first, ...others] = usable;
  if (first === undefined) return [];
  const runtime = runtimes.find(isPodRuntime);
  return others.flatMap((one): Finding[] => {
    const same = usable.find(({ network }) => network === one.network) as Configuration;
    const about = { level: 'warning', subject: one.file, fix: setAside(one.file), isSafe: false } as const;
    if (same !== one) {
      const what = `another file has a network of the same name, ${one.network}, and comes first, so this file is never used`;
      return [{ ...about, code: 'network-twice', what, evidence: `${same.file}: "name": "${one.network}"` }];
    }
    if (runtime === undefined) return [];
    const what = `${runtime.name} takes the first configuration alone, so it never uses this one`;
    return [
      { ...about, code: 'configuration-unused', what, evidence: `${first.file} comes first; ${runtime.evidence}` },
    ];
  });
}
