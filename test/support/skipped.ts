/** The names under which tests are skipped, so that a summary can say why, and the runner tell what must run elsewhere. */

/** What a kernel may lack, by the words of the skip. */
export const FEATURES = {
  'vlan-filtering': 'bridge VLAN filtering',
  vlan: '802.1Q interfaces',
  dummy: 'dummy interfaces',
  ipvlan: 'ipvlan interfaces',
  vrf: 'VRF interfaces',
  settings: 'settings that a test may change',
} as const;

export type Feature = keyof typeof FEATURES;

const LACKING = 'this kernel has no ';

export function skippedName(name: string, why: string): string {
  return `${name} (skipped: ${why})`;
}

/** The reason to skip what needs a feature. */
export function lacking(feature: Feature): string {
  return `${LACKING}${FEATURES[feature]}`;
}

/** The name of what was skipped because the kernel lacks a feature; undefined for any other line. */
export function lackingName(line: string): string | undefined {
  const [name, why] = line.split(' (skipped: ');
  return why?.startsWith(LACKING) ? name : undefined;
}
