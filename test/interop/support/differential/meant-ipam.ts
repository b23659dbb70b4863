/** The differences between the IPAM plugins that we mean. */

import type { Meant } from './meant.ts';

export const MEANT_OF_IPAM: readonly Meant[] = [
  {
    because: 'there is a code for each kind of error, and not 999 for all',
    lines: [/^ADD \| \d \| code: 999 -> \d+$/],
  },
  {
    because: 'a subnet’s own address and its broadcast address are no container’s',
    cases: /network’s address|broadcast address/,
    lines: [
      /^ADD \| 0 \| status: 0 -> 1$/,
      /^ADD \| 0 \| result \| ips \| 0 \| address: "10\.89\.0\.0\/24" -> "10\.89\.0\.2\/24"$/,
      /^after (ADD|DEL) \| last_reserved_ip\.0: "10\.89\.0\.0" -> "10\.89\.0\.2"$/,
      /^after ADD \| 10\.89\.0\.0: ".*" -> nothing$/,
      /^after ADD \| 10\.89\.0\.2: nothing -> ".*"$/,
    ],
  },
];
