/** `trestle trace`: follows a packet that it sends, and names what ended its way. */

import { formatIp } from '../../address/ip.ts';
import type { ProbeProtocol } from '../../netlink/probe/packet.ts';
import { withNode } from '../../resources/node.ts';
import { type Context, defineCommand, FINDINGS, HEALTHY, misuse } from '../context.ts';
import { type JsonFlag, jsonFlag, type PlaceFlags, placeFlags } from '../flags.ts';
import { takeInventory } from '../inventory/inventory.ts';
import { writeJson } from '../output/json.ts';
import { styleFor } from '../output/style.ts';
import { causeOf } from '../trace/cause.ts';
import { originOf, targetOf } from '../trace/ends.ts';
import { type Evidence, gather } from '../trace/evidence.ts';
import type { Cause } from '../trace/finding.ts';
import type { Step } from '../trace/steps.ts';
import { stepsOf } from '../trace/way.ts';

interface Flags extends JsonFlag, PlaceFlags {
  readonly protocol?: ProbeProtocol;
  readonly timeout: number;
}

interface Traced {
  readonly evidence: Evidence;
  readonly steps: readonly Step[];
  readonly cause: Cause | undefined;
}

const DEFAULT_SECONDS = '2';
const MOST_SECONDS = 60;

export const trace = defineCommand<Flags, [string, string]>({
  brief: 'Follow a packet that is sent from a container, and name what ends its way',
  description:
    'Sends one packet from a container (or from "node") to an address or another container, and shows what it meets: route and neighbour inside, bridge port, every rule of nftables and iptables-nft, address translation, the way out, and the answer. The last lines name the rule, route or neighbour that ended its way, and what to do. FROM and TO are a container ID or its beginning, a pod, an address, a host veth, the path of a network namespace or a process ID. With a port the packet is a SYN, without one an echo request. Rules of iptables-legacy cannot be followed. The exit status is 0 where the answer came, 1 where none did, and 2 for a name that nothing has.',
  parameters: {
    flags: {
      ...jsonFlag,
      ...placeFlags,
      protocol: {
        kind: 'enum',
        values: ['icmp', 'tcp', 'udp'],
        optional: true,
        brief: 'The packet that is sent; default: icmp, or tcp with a port',
      },
      timeout: {
        kind: 'parsed',
        parse: seconds,
        default: DEFAULT_SECONDS,
        placeholder: 'SECONDS',
        brief: 'How long to wait for the answer',
      },
    },
    positional: {
      kind: 'tuple',
      parameters: [
        { parse: String, placeholder: 'FROM', brief: 'The container, or "node"' },
        { parse: String, placeholder: 'TO[:PORT]', brief: 'An address or a container, with or without a port' },
      ],
    },
  },
  run(context, { json, protocol, timeout, ...place }, from, to) {
    const traced = withNode(context.variables.PATH ?? '', context.log, (node): Traced => {
      const inventory = takeInventory(node, place);
      const origin = originOf(inventory, from);
      const target = targetOf(inventory, to, origin);
      const chosen = protocol ?? (target.port === undefined ? 'icmp' : 'tcp');
      if (chosen !== 'icmp' && target.port === undefined)
        throw misuse(`a trace over ${chosen} needs a port: ${to}:PORT`);
      if (chosen === 'icmp' && target.port !== undefined) throw misuse('a trace over icmp has no port');
      const evidence = gather(node, { origin, target, protocol: chosen, timeoutMs: timeout * 1000 });
      return { evidence, steps: stepsOf(evidence), cause: causeOf(evidence) };
    });
    if (json === true) writeJson(context.terminal, tracedJson(traced));
    else show(context, traced);
    return traced.cause === undefined ? HEALTHY : FINDINGS;
  },
});

/** @throws Error for what is no number of seconds */
function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value <= MOST_SECONDS)) {
    throw new Error(`${JSON.stringify(text)} is no number of seconds between 0 and ${MOST_SECONDS}`);
  }
  return value;
}

/** A trace as `trace --json` prints it. */
function tracedJson({ evidence, steps, cause }: Traced) {
  const { origin, target, protocol, start, flight } = evidence;
  return {
    from: origin.name,
    netns: origin.netnsPath,
    source: start.source && formatIp(start.source),
    to: formatIp(target.ip),
    port: target.port,
    protocol,
    answered: cause === undefined,
    ms: flight?.ms,
    steps: steps.map(({ place, topic, seen, isBad, rule }, at) => ({
      number: at + 1,
      place,
      topic,
      seen,
      bad: isBad,
      rule,
    })),
    cause,
  };
}

function show({ terminal }: Context, { evidence, steps, cause }: Traced): void {
  const { origin, target, protocol, flight } = evidence;
  const style = styleFor(terminal);
  const port = target.port === undefined ? '' : ` port ${target.port}`;
  terminal.write(`${style.bold(`${protocol} from ${origin.name} to ${target.name}${port}`)}\n`);
  const width = Math.max(0, ...steps.map(({ topic }) => topic.length));
  for (const [at, { place, topic, seen, isBad }] of steps.entries()) {
    const line = `${String(at + 1).padStart(2)}  ${place.padEnd('container'.length)}  ${topic.padEnd(width)}  ${seen}`;
    terminal.write(`${isBad ? style.red(line) : line}\n`);
  }
  if (cause === undefined) {
    terminal.write(`${style.green(`Answered${flight?.ms === undefined ? '' : ` in ${flight.ms.toFixed(1)} ms`}.`)}\n`);
    return;
  }
  const { what, fix } = cause;
  terminal.write(`${style.red(`Ended: ${what}.`)}\nTo do: ${style.cyan(fix)}\n`);
}
