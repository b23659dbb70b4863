/** Lines of the kernel's log that matter to containers: of the last day, and not before the last `dmesg --clear`. */

import { ageText } from '../../output/age.ts';
import { sysctlLine, word } from '../command-lines.ts';
import type { Examination, Finding, Section } from '../examination.ts';
import { type KernelRecord, readKernelRecords } from '../kernel-records.ts';
import { numberAt } from '../proc.ts';

/** Half of a limit that serves larger nodes. */
const COMMON_LIMIT = 65_536;
const DAY_S = 24 * 60 * 60;
/** So that the next examination shows new lines alone. */
const CLEAR = 'dmesg --clear';
/** Records are tested by this first, since the log has thousands of others. */
const ANY = /table full|table overflow|IPv6 duplicate address|own address as source|martian /;

interface Kind {
  readonly code: string;
  readonly pattern: RegExp;
  readonly subject: string;
  readonly what: string;
  /**
   * The command line that mends the cause. `match` is that of the pattern: containers choose names of interfaces in it, which may
   * be anything.
   */
  fix(examination: Examination, match: RegExpExecArray): string;
}

const KINDS: readonly Kind[] = [
  {
    code: 'log-conntrack-full',
    pattern: /nf_conntrack: .*table full/,
    subject: 'connection tracking',
    what: 'the kernel has dropped packets of new connections, for it can track no more',
    fix: (examination) => doubled(examination, 'net/netfilter/nf_conntrack_max'),
  },
  {
    code: 'log-neighbour-overflow',
    pattern: /neighbou?r: (arp|ndisc)_cache: neighbo[u]?r table overflow/,
    subject: 'neighbour table',
    what: 'the kernel has dropped packets to new neighbours, for it can remember no more',
    fix(examination, [, cache]) {
      const directory = `net/${cache === 'arp' ? 'ipv4' : 'ipv6'}/neigh/default`;
      return doubled(examination, `${directory}/gc_thresh3`);
    },
  },
  {
    code: 'log-duplicate-address',
    pattern: /IPv6: (\S+): IPv6 duplicate address (\S+)(?: used by (\S+))? detected/,
    subject: 'IPv6 addresses',
    what: 'an interface does not use one of its addresses, since another host has it',
    fix: (_, [, link = '', address = '']) => `ip -6 address delete ${word(address)} dev ${word(link)}`,
  },
  {
    code: 'log-own-address',
    pattern: /(\S+): received packet on (\S+) with own address as source address/,
    subject: 'bridges',
    what: 'frames of a bridge come back to it: there is a loop, or another host has its MAC',
    fix: (_, [, , port = '']) => `bridge link set dev ${word(port)} hairpin off`,
  },
  {
    code: 'log-martian',
    pattern: /martian (?:source|destination) (\S+) from (\S+?),(?: on)? dev (\S+)/,
    subject: 'routing',
    what: 'the kernel has dropped packets whose source cannot come in by their interface',
    fix: (_, [, , , link]) => sysctlLine({ [`net/ipv4/conf/${link}/rp_filter`]: 2 }),
  },
];

export const kernelLog: Section = {
  name: 'kernel-log',
  examine(examination) {
    const { kernelLog: file, readProc } = examination;
    if (file === undefined) return { summary: 'not read: it is that of another network namespace', findings: [] };
    const uptime = Number.parseFloat(readProc('uptime') ?? '');
    const recent = readKernelRecords(file, ANY).filter(({ time }) => uptime - time / 1e6 <= DAY_S);
    const findings = KINDS.flatMap((kind) => findingFor(examination, kind, recent, uptime));
    return { summary: 'no line of the last day that matters', findings };
  },
};

function findingFor(examination: Examination, kind: Kind, records: readonly KernelRecord[], uptime: number): Finding[] {
  const own = records.filter(({ text }) => kind.pattern.test(text));
  const last = own.at(-1);
  const match = last && kind.pattern.exec(last.text);
  if (last === undefined || match === null || match === undefined) return [];
  const age = ageText(0, (uptime - last.time / 1e6) * 1000);
  const { code, subject, what } = kind;
  const count = own.length === 1 ? 'one line' : `${own.length} lines, the last`;
  const fix = `${kind.fix(examination, match)} && ${CLEAR}`;
  return [{ level: 'warning', code, subject, what, evidence: `${count} ${age} ago: ${last.text}`, fix, isSafe: false }];
}

/** Sets a limit to twice what it is; where it cannot be read, to what larger nodes have. */
function doubled({ readProc }: Examination, path: string): string {
  return sysctlLine({ [path]: 2 * (numberAt(readProc, `sys/${path}`) ?? COMMON_LIMIT) });
}
