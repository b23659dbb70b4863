/**
 * Many containers, many calls at once, and some of them killed, on two networks that share a bridge. A model outside knows
 * what may be true. The seed decides who calls what and who is killed when; how the calls interleave is the machine's to
 * decide, so the same seed gives the same calls, not the same run.
 */

import { expect, test } from 'bun:test';
import { type Config, network } from '../e2e/support/network.ts';
import { cniAsync, type Outcome, succeeded } from '../support/cni.ts';
import { leftovers } from '../support/leftovers.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { describeOnKernel } from '../support/privilege.ts';
import { isFull, SWEEP_TIMEOUT_MS, tell } from './support/form.ts';
import { createGate, type Gate } from './support/gate.ts';
import { addressesOf, type Change, note, type Tracked, textOf, track } from './support/model.ts';
import { EXECUTABLE, NOTHING } from './support/place.ts';
import { type Chance, chooseSeed, createChance } from './support/random.ts';

const SIZE = isFull ? { containers: 200, calls: 2_000 } : { containers: 40, calls: 240 };
const LANES = 16;
const KILLED_PERCENT = 12;
/** A call takes some 20 ms alone, and longer in company. */
const KILLED_WITHIN_MS = 120;

interface Race {
  readonly node: ScratchNode;
  readonly chance: Chance;
  readonly configs: Readonly<Record<string, Config>>;
  readonly gates: Readonly<Record<string, Gate>>;
  readonly attachments: readonly Tracked[];
  readonly tally: Map<string, number>;
  readonly wrong: string[];
}

describeOnKernel('a race', () => {
  test(
    `of ${LANES} callers for ${SIZE.containers} containers, ${SIZE.calls} calls`,
    async () => {
      const seed = chooseSeed();
      using node = createNode();
      const race = createRace(node, seed);
      let left = SIZE.calls;
      const lane = async () => {
        while (left-- > 0) await step(race);
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      await settle(race);
      verifyStores(race);
      await clear(race);
      const tally = [...race.tally].sort().map(([what, count]) => `${count} ${what}`);
      tell(`race, TRESTLE_SEED=${seed}: ${tally.join(', ')}; ${race.wrong.length} wrong`);
      expect(race.wrong, `TRESTLE_SEED=${seed}`).toEqual([]);
      expect(leftovers(node), `TRESTLE_SEED=${seed}`).toEqual(NOTHING);
    },
    SWEEP_TIMEOUT_MS,
  );
});

/** Both networks have the gateway, and each its own part of the subnets. */
function createRace(node: ScratchNode, seed: number): Race {
  const part = (third: number) => [
    [{ subnet: '10.89.0.0/16', rangeStart: `10.89.${third}.10`, rangeEnd: `10.89.${third + 1}.250` }],
    [{ subnet: 'fd00:89::/64', rangeStart: `fd00:89::${third}:0`, rangeEnd: `fd00:89::${third}:fff` }],
  ];
  const configOf = (name: string, third: number, extra: Config) =>
    network(node, { name, ipam: { type: 'trestle-ipam', dataDir: node.dataDir, ranges: part(third) }, ...extra });
  // A container may be on both, and can have but one default route.
  const configs = {
    pods: configOf('pods', 10, {}),
    apps: configOf('apps', 20, { isDefaultGateway: false, isGateway: true }),
  };
  const containers = Array.from({ length: SIZE.containers }, () => node.container());
  const attachments = containers.flatMap((container) => [
    track(container, 'pods', 'eth0'),
    track(container, 'apps', 'eth1'),
  ]);
  const gates = { pods: createGate(), apps: createGate() };
  return { node, chance: createChance(seed), configs, gates, attachments, tally: new Map(), wrong: [] };
}

/** One random call, and what the model says to its outcome. */
async function step(race: Race): Promise<void> {
  const { chance } = race;
  const dice = chance.below(100);
  const attachment = chance.pick(race.attachments.filter(({ busy }) => !busy));
  const killAfterMs = chance.percent(KILLED_PERCENT) ? 1 + chance.below(KILLED_WITHIN_MS) : undefined;
  try {
    if (dice < 45) await change(race, attachment, 'ADD', killAfterMs);
    else if (dice < 75) await change(race, attachment, 'DEL', killAfterMs);
    else if (dice < 90) await check(race, attachment, killAfterMs);
    else if (dice < 94) await collect(race, attachment.network, killAfterMs);
    else await status(race, attachment.network);
  } catch (error) {
    race.wrong.push((error as Error).message);
  }
}

async function change(race: Race, attachment: Tracked, command: Change, killAfterMs?: number): Promise<void> {
  await alone(race, attachment, async () => {
    const outcome = await call(race, command, attachment.network, attachment, {}, killAfterMs);
    note(attachment, command, outcome, race.attachments);
  });
}

/** The model knows what CHECK must find. */
async function check(race: Race, attachment: Tracked, killAfterMs?: number): Promise<void> {
  await alone(race, attachment, async () => {
    const { state, result, network } = attachment;
    if (result === undefined) return;
    const { status, error } = await call(race, 'CHECK', network, attachment, { prevResult: result }, killAfterMs);
    if (status === null || state === 'unknown' || error?.code === (state === 'present' ? undefined : 105)) return;
    throw new Error(`${textOf(attachment)}, ${state}: CHECK answered ${JSON.stringify(error)}`);
  });
}

/** One call at a time for an attachment, and none while GC runs: so the specification has it. */
async function alone(race: Race, attachment: Tracked, act: () => Promise<void>): Promise<void> {
  attachment.busy = true;
  try {
    await gateOf(race, attachment.network).together(act);
  } finally {
    attachment.busy = false;
  }
}

/** All that is there is valid, and of what may be there some. */
async function collect(race: Race, network: string, killAfterMs?: number): Promise<void> {
  await gateOf(race, network).alone(async () => {
    const own = race.attachments.filter((attachment) => attachment.network === network);
    const doomed = own.filter(({ state }) => state === 'unknown' && race.chance.percent(50));
    const valid = own.filter((attachment) => attachment.state !== 'absent' && !doomed.includes(attachment));
    const list = valid.map(({ container, ifName }) => ({ containerID: container.id, ifname: ifName }));
    const outcome = await call(race, 'GC', network, undefined, { 'cni.dev/valid-attachments': list }, killAfterMs);
    if (outcome.status === null) return;
    succeeded(outcome);
    for (const attachment of doomed) attachment.state = 'absent';
  });
}

async function status(race: Race, network: string): Promise<void> {
  succeeded(await call(race, 'STATUS', network, undefined, {}));
}

async function call(
  race: Race,
  command: string,
  name: string,
  attachment: Tracked | undefined,
  extra: object,
  killAfterMs?: number,
): Promise<Outcome> {
  const outcome = await cniAsync(race.node, {
    artifact: EXECUTABLE,
    command,
    config: { ...race.configs[name], ...extra },
    ...(attachment && { container: attachment.container, ifName: attachment.ifName }),
    ...(killAfterMs !== undefined && { deadlineMs: killAfterMs }),
  });
  const how = outcome.status === null ? 'killed' : outcome.status === 0 ? 'done' : `refused (${outcome.error?.code})`;
  race.tally.set(`${command} ${how}`, (race.tally.get(`${command} ${how}`) ?? 0) + 1);
  if (outcome.status === null && killAfterMs === undefined) throw new Error(`${command} hung`);
  return outcome;
}

/** What may be there is taken away, by DEL; then the rest is checked. */
async function settle(race: Race): Promise<void> {
  for (const attachment of race.attachments) {
    try {
      if (attachment.state === 'unknown') await change(race, attachment, 'DEL');
      else if (attachment.state === 'present') await check(race, attachment);
    } catch (error) {
      race.wrong.push((error as Error).message);
    }
  }
}

/** On disk, in the packet filter and on the bridge is what the model says, and nothing else. */
function verifyStores({ node, attachments, wrong }: Race): void {
  const present = attachments.filter(({ state }) => state === 'present');
  const found = leftovers(node);
  const leases = present.flatMap((one) => addressesOf(one).map((address) => `${one.network}/${address}`));
  const records = present.map((one) => `.trestle/${one.network}/${one.container.id}:${one.ifName}`);
  const compare = (what: string, expected: readonly string[], actual: readonly string[]) => {
    const lost = expected.filter((one) => !actual.includes(one));
    const extra = actual.filter((one) => !expected.includes(one));
    if (lost.length + extra.length > 0) wrong.push(`${what}: lost ${lost.join(' ')}; too many ${extra.join(' ')}`);
  };
  compare('files', [...leases, ...records], Object.keys(found.files));
  compare(
    'masqueraded',
    present.flatMap(addressesOf),
    found.elements.map(({ value }) => value),
  );
  if (found.links.length !== present.length + 1) wrong.push(`${found.links.length} links, ${present.length} present`);
}

async function clear(race: Race): Promise<void> {
  for (const attachment of race.attachments) {
    if (attachment.state === 'present') await change(race, attachment, 'DEL');
  }
}

function gateOf({ gates }: Race, network: string): Gate {
  return gates[network] as Gate;
}
