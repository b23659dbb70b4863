/** Metrics for Prometheus, as node_exporter's textfile collector reads them. docs/watch.md has the list. */

import * as file from '../../sys/file.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { type Usage, usageOf } from './usage.ts';

/** Counts over the life of the process. */
export interface Counters {
  looks: number;
  lookSeconds: number;
  failedLooks: number;
  reclaims: number;
  failures: number;
  lost: number;
  readonly repairs: Map<string, number>;
}

interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number | bigint;
  readonly suffix?: string;
}

/** No count yet. */
export function noCounts(): Counters {
  return { looks: 0, lookSeconds: 0, failedLooks: 0, reclaims: 0, failures: 0, lost: 0, repairs: new Map() };
}

/** The whole text of the file. */
export function metricsText(inventory: Inventory, counters: Counters, open: number, nowMs: number): string {
  const usages = usageOf(inventory);
  const where = ({ network, dataDir }: Usage) => ({ network, data_dir: dataDir });
  const free = usages.flatMap((one) =>
    one.sets.map(({ rangeSet, free: value }) => ({ labels: { ...where(one), range_set: String(rangeSet) }, value })),
  );
  const states = usages.flatMap((one) =>
    (['alive', 'dead', 'unknown'] as const).map((state) => ({
      labels: { ...where(one), state },
      value: one.states[state],
    })),
  );
  const one = (value: number): Sample[] => [{ value }];
  return [
    family(
      'leases_used',
      'gauge',
      'Addresses that are leased.',
      usages.map((u) => ({ labels: where(u), value: u.used })),
    ),
    family('addresses_free', 'gauge', 'Addresses that may still be leased, of each range set.', free),
    family('attachments', 'gauge', 'Attachments by their state.', states),
    family('findings_open', 'gauge', 'What is off and could not be mended.', one(open)),
    family(
      'repairs_total',
      'counter',
      'What was put back, by the kind of resource.',
      [...counters.repairs].map(([kind, value]) => ({ labels: { kind }, value })),
    ),
    family('failures_total', 'counter', 'Repairs that failed.', one(counters.failures)),
    family('reclaims_total', 'counter', 'Dead attachments that were removed.', one(counters.reclaims)),
    family('look_failures_total', 'counter', 'Looks at the node that failed.', one(counters.failedLooks)),
    family('notifications_lost_total', 'counter', 'Times that the kernel dropped notifications.', one(counters.lost)),
    family('look_duration_seconds', 'summary', 'How long looks at the node took, repairs included.', [
      { value: counters.lookSeconds, suffix: '_sum' },
      { value: counters.looks, suffix: '_count' },
    ]),
    family('last_look_timestamp_seconds', 'gauge', 'When the node was last looked at.', one(nowMs / 1000)),
  ].join('');
}

/** Puts the text in place at once: a collector reads the old file or the new one. @throws SystemError */
export function writeMetrics(path: string, text: string): void {
  // The collector reads names that end in .prom alone.
  const temporary = `${path}.new`;
  file.unlessMissing(() => file.unlinkFile(temporary));
  const fd = file.openFile(temporary, file.O_WRONLY | file.O_CREAT | file.O_EXCL | file.O_NOFOLLOW, 0o644);
  try {
    file.writeText(fd, text);
  } finally {
    file.closeWritten(fd);
  }
  file.renameFile(temporary, path);
}

/** A metric with its samples; nothing where there are none. */
function family(name: string, type: string, help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  const full = `trestle_${name}`;
  const lines = samples.map(({ labels = {}, value, suffix = '' }) => `${full}${suffix}${labelText(labels)} ${value}\n`);
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join('')}`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
