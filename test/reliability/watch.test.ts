/**
 * A day of other programs' changes in less than a minute: `trestle watch` neither grows nor loops, and then still heals within
 * two seconds.
 */

import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { e2e, network } from '../e2e/support/network.ts';
import { until, watching } from '../e2e/support/watching.ts';
import { succeeded } from '../support/cni.ts';
import { exec, ipBatch } from '../support/netns.ts';
import { createNode } from '../support/node.ts';
import { patient } from '../support/patience.ts';
import { runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { tell } from './support/form.ts';

const CONTAINERS = 10;
const ROUNDS = 12;
const EACH = 25;

/** Resident memory in KiB, and processor time in clock ticks of 10 ms. */
function usage(pid: number) {
  const rss = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return { rss, ticks: Number(fields[11]) + Number(fields[12]) };
}

/** Links, addresses, routes, elements, chains and rules of other programs come and go. */
function storm(ns: Parameters<typeof ipBatch>[0], round: number): number {
  const each = Array.from({ length: EACH }, (_, at) => at);
  ipBatch(ns, each.map((at) => `link add other${at} type bridge\nlink set other${at} up`).join('\n'));
  ipBatch(ns, each.map((at) => `address add 198.18.${at}.1/24 dev other${at}`).join('\n'));
  const added = each.map(
    (at) => `add element inet foreign seen { 198.51.${round}.${at} }\nadd rule inet foreign other counter`,
  );
  exec(ns, ['nft', '-f', '-'], {
    stdin: `add table inet foreign\nadd set inet foreign seen { type ipv4_addr ; }\nadd chain inet foreign other\n${added.join('\n')}`,
  });
  exec(ns, ['nft', 'delete', 'table', 'inet', 'foreign']);
  ipBatch(ns, each.map((at) => `link delete other${at}`).join('\n'));
  // Each bridge tells of itself, its parameters, addresses and routes some 12 times.
  return EACH * (12 + 4);
}

e2e('a storm of changes that concern nothing of ours', (artifact) => {
  test(
    'costs little time and no memory, and what concerns ours is healed all the same',
    async () => {
      using node = createNode();
      const pods = runtime(node, artifact, network(node, { macspoofchk: true }));
      const containers = Array.from({ length: CONTAINERS }, () => node.container());
      for (const one of containers) succeeded(pods.add(one));
      await using watch = await watching(node, artifact);
      for (let round = 0; round < 3; round++) storm(node.ns, round);
      await Bun.sleep(patient(1_500));
      const [before, started] = [usage(watch.pid), performance.now()];
      let events = 0;
      for (let round = 0; round < ROUNDS; round++) events += storm(node.ns, round);
      const seconds = (performance.now() - started) / 1000;
      await Bun.sleep(patient(1_500));
      const after = usage(watch.pid);
      const share = (after.ticks - before.ticks) / 100 / seconds;
      const said = `${events} changes in ${seconds.toFixed(1)} s: ${(share * 100).toFixed(1)} % of a processor, ${before.rss} to ${after.rss} KiB`;
      tell(`${artifact.name}: ${said}`);
      expect(share).toBeLessThan(0.3);
      expect(after.rss - before.rss).toBeLessThan(artifact.name.endsWith('.cjs') ? 32_768 : 2_048);
      expect(watch.lines).toEqual([]);
      const calm = usage(watch.pid).ticks;
      await Bun.sleep(3_000);
      expect(usage(watch.pid).ticks - calm).toBeLessThan(15);
      exec(node.ns, ['nft', 'flush', 'ruleset']);
      const isBack = () => exec(node.ns, ['nft', 'list', 'ruleset']).includes(containers.at(-1)?.id ?? '?');
      expect(await until(isBack)).toBeLessThan(patient(2_000));
      expect(ping((containers[0] as (typeof containers)[0]).ns, '10.89.0.1')).toBe(true);
    },
    patient(180_000),
  );
});
