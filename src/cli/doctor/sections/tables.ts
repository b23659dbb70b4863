/** Tables of the kernel that a node fills up: neighbours, and connections. */

import type { Examination, Finding, Level, Section } from '../examination.ts';
import { numberAt } from '../proc.ts';

/** From these parts of the limit on there is a warning, and an error. */
const NEARLY = 0.8;
const FULL = 0.95;

const NEIGHBOURS = [
  { what: 'ARP', limits: 'ipv4', statistics: 'arp_cache' },
  { what: 'NDP', limits: 'ipv6', statistics: 'ndisc_cache' },
];

const CONNTRACK = 'sys/net/netfilter/nf_conntrack';

export const tables: Section = {
  name: 'tables',
  examine(examination) {
    const used = usesOf(examination);
    const findings = used.flatMap((use) => findingFor(use));
    const texts = used.map(({ what, count, limit }) => `${count} of ${limit} ${what}`);
    return { summary: texts.join(', ') || 'this network namespace shows no limits', findings };
  },
};

interface Use {
  readonly what: string;
  readonly code: string;
  readonly subject: string;
  readonly consequence: string;
  readonly count: number;
  readonly limit: number;
  readonly evidence: string;
  readonly fix: string;
}

function usesOf(examination: Examination): Use[] {
  return [...NEIGHBOURS.flatMap((one) => neighboursOf(examination, one)), ...connectionsOf(examination)];
}

/** The limits hold for all network namespaces together, and the first alone shows them; the statistics count all, too. */
function neighboursOf({ readProc }: Examination, { what, limits, statistics }: (typeof NEIGHBOURS)[number]): Use[] {
  const directory = `sys/net/${limits}/neigh/default`;
  const limit = numberAt(readProc, `${directory}/gc_thresh3`);
  // A line of names, and one a processor, whose first field is the same in all: the entries, hexadecimal.
  const line = readProc(`net/stat/${statistics}`)?.split('\n')[1];
  const count = line === undefined ? Number.NaN : Number.parseInt(line.trim().split(/\s+/)[0] ?? '', 16);
  if (limit === undefined || !Number.isSafeInteger(count)) return [];
  const sysctl = `net.${limits}.neigh.default.gc_thresh`;
  const settings = [`${sysctl}3=${limit * 4}`, `${sysctl}2=${limit * 2}`, `${sysctl}1=${limit}`];
  return [
    {
      what: `${what} neighbours`,
      code: 'neighbour-table-full',
      subject: `${what} table`,
      consequence: 'the kernel drops what it would send to further neighbours',
      count,
      limit,
      evidence: `/proc/net/stat/${statistics}: ${count} entries; /proc/${directory}/gc_thresh3: ${limit}`,
      fix: `sysctl -w ${settings.join(' ')}`,
    },
  ];
}

function connectionsOf({ readProc }: Examination): Use[] {
  const count = numberAt(readProc, `${CONNTRACK}_count`);
  const limit = numberAt(readProc, `${CONNTRACK}_max`);
  if (count === undefined || limit === undefined || limit === 0) return [];
  return [
    {
      what: 'tracked connections',
      code: 'conntrack-full',
      subject: 'connection tracking',
      consequence: 'the kernel drops the packets of new connections, those of containers included',
      count,
      limit,
      evidence: `/proc/${CONNTRACK}_count: ${count}; /proc/${CONNTRACK}_max: ${limit}`,
      fix: `sysctl -w net.netfilter.nf_conntrack_max=${limit * 2}`,
    },
  ];
}

function findingFor({ code, subject, consequence, count, limit, evidence, fix }: Use): Finding[] {
  if (count < limit * NEARLY) return [];
  const level: Level = count < limit * FULL ? 'warning' : 'error';
  const state = level === 'error' ? 'full' : 'nearly full';
  const what = `the table is ${state}; when it is, ${consequence}`;
  // A greater limit takes nothing away; the entries use memory only when they are there.
  return [{ level, code, subject, what, evidence, fix, isSafe: true }];
}
