/** `trestle trace` leaves nothing behind, also when it is killed, and marks no packets but its own. */

import { expect, test } from 'bun:test';
import { entering, exec, spawnIn } from '../../support/netns.ts';
import { NODE_ADDRESS, OUTSIDE_ADDRESS } from '../../support/node.ts';
import { placeOf } from '../../support/operator.ts';
import { ping } from '../../support/traffic.ts';
import { e2e } from '../support/network.ts';
import { traceScene } from '../support/trace.ts';

const TRACES = /table \w+ trestle-trace-/;

e2e('trestle trace leaves nothing', (artifact) => {
  const rulesetOf = (ns: Parameters<typeof exec>[0]) => exec(ns, ['nft', '-j', '-a', 'list', 'ruleset']);

  test('the ruleset before and after is the same', () => {
    using scene = traceScene(artifact);
    const { node, trace } = scene;
    exec(node.ns, ['iptables-nft', '-A', 'FORWARD', '-s', '192.0.2.1', '-j', 'DROP']);
    trace(OUTSIDE_ADDRESS[4]);
    const before = withoutCounts(rulesetOf(node.ns));
    for (const to of [OUTSIDE_ADDRESS[4], '203.0.113.99', `${OUTSIDE_ADDRESS[4]}:81`]) trace(to);
    expect(withoutCounts(rulesetOf(node.ns))).toBe(before);
  });

  test('also when it is killed in the middle', async () => {
    using scene = traceScene(artifact);
    const { node, first } = scene;
    const before = withoutCounts(rulesetOf(node.ns));
    const args = ['trace', first.id, '203.0.113.99', '--timeout', '30', ...placeOf(node)];
    const child = Bun.spawn(entering(node.ns, [artifact.path, ...args]), {
      env: { PATH: artifact.searchPath },
      stdout: 'ignore',
      stderr: 'ignore',
    });
    for (let tries = 0; !TRACES.test(exec(node.ns, ['nft', 'list', 'tables'])); tries++) {
      if (tries === 200) throw new Error('the trace never made its table');
      await Bun.sleep(20);
    }
    child.kill('SIGKILL');
    await child.exited;
    expect(withoutCounts(rulesetOf(node.ns))).toBe(before);
  });

  test("others' packets are not traced meanwhile", async () => {
    using scene = traceScene(artifact);
    const { node, first, second } = scene;
    const monitor = spawnIn(node.ns, ['timeout', '4', 'nft', 'monitor', 'trace']);
    await Bun.sleep(300);
    const args = ['trace', first.id, '203.0.113.99', '--timeout', '2', ...placeOf(node)];
    const child = Bun.spawn(entering(node.ns, [artifact.path, ...args]), {
      env: { PATH: artifact.searchPath },
      stdout: 'ignore',
      stderr: 'ignore',
    });
    await Bun.sleep(400);
    for (const ns of [first.ns, second.ns]) expect(ping(ns, OUTSIDE_ADDRESS[4])).toBe(true);
    await child.exited;
    const said = await monitor.stdout.text();
    expect(said).toContain('ip daddr 203.0.113.99');
    expect(said).not.toContain(`ip daddr ${OUTSIDE_ADDRESS[4]}`);
    expect(said).not.toContain(`ip saddr ${OUTSIDE_ADDRESS[4]} ip daddr ${NODE_ADDRESS[4]}`);
  });
});

function withoutCounts(ruleset: string): string {
  return ruleset.replace(/"(packets|bytes)": \d+/g, '"$1": 0');
}
