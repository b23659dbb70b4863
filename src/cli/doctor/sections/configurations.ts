/** The network configurations, as a runtime reads them. */

import type { Finding, Section } from '../examination.ts';

export const configurations: Section = {
  name: 'configurations',
  examine({ inventory, confDir }) {
    const flawed = inventory.configurations.filter(({ flaw }) => flaw !== undefined);
    const findings = flawed.map(
      ({ file, flaw = '' }): Finding => ({
        level: 'error',
        code: 'configuration-broken',
        subject: file,
        what: 'a runtime cannot use this configuration',
        evidence: flaw,
        fix: `trestle config check ${file}`,
        isSafe: false,
      }),
    );
    const [first] = inventory.configurations.filter(({ flaw }) => flaw === undefined);
    const taken = first === undefined ? `none in ${confDir}` : `${first.file} (network ${first.network}) comes first`;
    return { summary: taken, findings };
  },
};
