/** `trestle watch`: stays, and puts back what other programs take away from living attachments. */

import { reasonOf } from '../../fault.ts';
import { createLog, type LogLevel } from '../../log.ts';
import { openNotifications } from '../../netlink/notifications.ts';
import { monotonicMs } from '../../sys/clock.ts';
import { defineCommand, FINDINGS, HEALTHY, misuse } from '../context.ts';
import { type JsonFlag, type NetworkFlag, networkFlag, type PlaceFlags, placeFlags, text } from '../flags.ts';
import type { Seen } from '../watch/look.ts';
import { watchNode } from '../watch/loop.ts';
import { metricsText, noCounts, writeMetrics } from '../watch/metrics.ts';
import { createTroubles, type Tell } from '../watch/troubles.ts';

interface Flags extends JsonFlag, PlaceFlags, NetworkFlag {
  readonly interval: number;
  readonly metrics?: string;
  readonly once?: boolean;
}

const DEFAULT_INTERVAL_S = '60';
/** So many different messages are remembered, so that each is said once. */
const MOST_MESSAGES = 1_000;

export const watch = defineCommand<Flags>({
  brief: 'Stay, and put back what other programs take away',
  description:
    'Listens to the kernel for changes of links, addresses, routes and nftables, looks at the older tables of iptables now and then, and reconciles the living attachments when something of theirs went away, or something drops what they forward. Attachments that are dead for longer than the interval are removed. Each finding is told once, on standard error, until it is healed; what cannot be mended is tried again after longer and longer. The command ends with a signal. It is optional: without it, ADD and "trestle reconcile" put things back.',
  parameters: {
    flags: {
      interval: {
        kind: 'parsed',
        parse: seconds,
        default: DEFAULT_INTERVAL_S,
        placeholder: 'SECONDS',
        brief: 'How often everything is looked at, whatever the kernel tells',
      },
      metrics: {
        kind: 'parsed',
        parse: text,
        optional: true,
        placeholder: 'FILE',
        brief: 'Write metrics for Prometheus to this file, whose name must end in .prom',
      },
      once: { kind: 'boolean', optional: true, withNegated: false, brief: 'Take one look, and end' },
      json: { kind: 'boolean', optional: true, withNegated: false, brief: 'Print lines of JSON instead of text' },
      ...networkFlag,
      ...placeFlags,
    },
  },
  run({ terminal, variables }, { interval, metrics, once = false, json = false, network, ...place }) {
    if (metrics !== undefined && !metrics.endsWith('.prom')) {
      throw misuse(
        `cannot write metrics to ${metrics}: its name does not end in .prom`,
        'node_exporter reads no other.',
      );
    }
    const tell = teller(terminal.complain, json);
    const counters = noCounts();
    const troubles = createTroubles(monotonicMs, tell);
    const said = saidOnce((level, message) => tell(level === 'error' ? 'warn' : 'info', 'notice', message));
    const report = ({ inventory }: Seen) => {
      if (metrics === undefined) return;
      try {
        writeMetrics(metrics, metricsText(inventory, counters, troubles.open(), Date.now()));
      } catch (error) {
        said('error', `cannot write ${metrics}: ${reasonOf(error)}`);
      }
    };
    const notifications = openNotifications();
    try {
      const isWhole = watchNode(notifications, {
        ...{ searchPath: variables.PATH ?? '', log: said, place, network, troubles, counters, tell },
        ...{ dead: new Set<string>(), intervalMs: interval * 1000, isOnce: once, report },
      });
      return isWhole && troubles.open() === 0 ? HEALTHY : FINDINGS;
    } finally {
      notifications.close();
    }
  },
});

/** @throws Error where it is no number of seconds from 1 to a day */
function seconds(value: string): number {
  const number = Number(value);
  if (Number.isFinite(number) && number >= 1 && number <= 86_400) return number;
  throw new Error(`${value} is not a number of seconds from 1 to 86400`);
}

function teller(complain: (text: string) => void, isJson: boolean): Tell {
  const log = createLog(complain, 'info');
  return (level, event, message) => {
    if (isJson) complain(`${JSON.stringify({ time: new Date().toISOString(), level, event, message })}\n`);
    else log(level, `${event}: ${message}`);
  };
}

/** A log that says each warning and error once. */
function saidOnce(say: (level: LogLevel, message: string) => void): (level: LogLevel, message: string) => void {
  const messages = new Set<string>();
  return (level, message) => {
    if ((level !== 'warn' && level !== 'error') || messages.has(message)) return;
    if (messages.size >= MOST_MESSAGES) messages.clear();
    messages.add(message);
    say(level, message);
  };
}
