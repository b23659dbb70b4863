/** A port is waited for until the bridge forwards for it. */

import { expect, test } from 'bun:test';
import { decodeAttributes, nested } from '../../../src/netlink/attribute.ts';
import { execute, type Request } from '../../../src/netlink/connection.ts';
import { NLM_F_DUMP } from '../../../src/netlink/message.ts';
import * as rt from '../../../src/netlink/route/constants.ts';
import { encodeLinkHeader, LINK_HEADER } from '../../../src/netlink/route/link.ts';
import { awaitForwarding } from '../../../src/resources/port/await-forwarding.ts';
import { faultOf } from '../../support/fault.ts';
import { bridgePorts } from '../../support/kernel.ts';
import { interfaceLoad } from '../../support/load.ts';
import { createNetns, exec, ipBatch, type Netns, spawnIn } from '../../support/netns.ts';
import { lighter } from '../../support/patience.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { type Kernels, withKernels } from '../support/inside.ts';
import { ensureAttachment, ensureAttachmentOf, ensurePort, PORT } from '../support/port.ts';
import { type Look, spyOnNode } from '../support/spy.ts';

const FORWARDING = 3;

/** A list of bridge ports, which does not bring them up to date as a request for one link does. */
const LIST_PORTS: Request = {
  operation: 'list the bridge ports',
  type: rt.RTM_GETLINK,
  flags: NLM_F_DUMP,
  header: encodeLinkHeader({ family: rt.AF_BRIDGE }),
  attributes: [],
};

/** The states of all bridge ports by name, as numbers. */
function portStates({ node }: Kernels): Record<string, number | undefined> {
  const replies = execute(node.route, LIST_PORTS)[0] ?? [];
  const states = replies.map(({ payload }) => {
    const attributes = decodeAttributes(payload.subarray(LINK_HEADER));
    const name = Buffer.from(attributes.get(rt.IFLA_IFNAME) ?? [])
      .toString()
      .replace('\0', '');
    return [name, nested(attributes, rt.IFLA_PROTINFO).get(rt.IFLA_BRPORT_STATE)?.[0]];
  });
  return Object.fromEntries(states);
}

/** A port on a bridge that is down, with the other end up. */
function withIdlePort(act: (kernels: Kernels, node: Netns) => void): void {
  using node = createNetns();
  using container = createNetns();
  withKernels(node, container, (kernels) => {
    ensurePort(kernels);
    exec(container, ['ip', 'link', 'set', 'eth0', 'up']);
    exec(node, ['ip', 'link', 'set', 'cni0', 'down']);
    act(kernels, node);
  });
}

describeOnKernel('after ADD’s part of it', () => {
  test.each([
    ['with addresses', {}],
    ['on layer 2', { addresses: [], routes: [] }],
  ])('the bridge forwards, whatever else changes interfaces: %s', (_, changes) => {
    using node = createNetns();
    using _load = interfaceLoad();
    const states: unknown[] = [];
    for (let number = 1; number <= lighter(40); number++) {
      using container = createNetns();
      withKernels(node, container, (kernels) => {
        const { name } = ensureAttachmentOf(`c${number}`, kernels, changes);
        states.push(portStates(kernels)[name]);
      });
    }
    expect(states).toEqual(states.map(() => FORWARDING));
  });
});

describeOnKernel('waiting for a port', () => {
  test('ends as soon as the bridge forwards, and asks the kernel only when something changes', () => {
    withIdlePort((kernels, node) => {
      let looks = 0;
      const count: Look = () => {
        looks++;
        return undefined;
      };
      using _ = killed(spawnIn(node, ['sh', '-c', 'sleep 0.5; ip link set cni0 up']));
      const started = performance.now();
      awaitForwarding(spyOnNode(kernels, count).node, PORT.name);
      expect(performance.now() - started).toBeWithin(400, 5000);
      expect(portStates(kernels)).toEqual({ [PORT.name]: FORWARDING });
      expect(looks).toBeWithin(3, 6);
    });
  });

  test('goes on through changes of other interfaces, however many', () => {
    withIdlePort((kernels, node) => {
      const noise = 'for n in $(seq 30); do echo link add x type bridge; echo link del x; done | ip -batch -';
      using _ = killed(spawnIn(node, ['sh', '-c', `${noise}; ip link set cni0 up`]));
      awaitForwarding(kernels.node, PORT.name);
      expect(portStates(kernels)).toEqual({ [PORT.name]: FORWARDING });
    });
  });

  test('ends in an error of its own where the bridge never forwards', () => {
    withIdlePort((kernels) => {
      const started = performance.now();
      const fault = faultOf(() => awaitForwarding(kernels.node, PORT.name, 300));
      expect(performance.now() - started).toBeWithin(299, 3000);
      expect([fault.kind, fault.message]).toEqual([
        'busy',
        `cannot use the port ${PORT.name}: the bridge does not forward for it after 0.3 s`,
      ]);
      expect(fault.details).toContain('bridge is up');
    });
  });

  test.each([
    [`link set ${PORT.name} nomaster`, `cannot use the port ${PORT.name}: something took it off its bridge`],
    [`link del ${PORT.name}`, `cannot use the port ${PORT.name}: it was removed as soon as it was made`],
  ])('ends when there is no such port any more: ip %s', (command, message) => {
    withIdlePort((kernels, node) => {
      using _ = killed(spawnIn(node, ['sh', '-c', `sleep 0.3; ip ${command}`]));
      expect(() => awaitForwarding(kernels.node, PORT.name)).toThrow(message);
      expect(() => awaitForwarding(kernels.node, PORT.name)).toThrow(message);
    });
  });

  test('does not wait for a spanning tree protocol, but warns', () => {
    using node = createNetns();
    using container = createNetns();
    ipBatch(node, 'link add cni0 type bridge stp_state 1');
    withKernels(node, container, (kernels) => {
      const lines: string[] = [];
      const started = performance.now();
      ensureAttachment({ ...kernels, node: { ...kernels.node, log: (...line) => lines.push(line.join(' ')) } });
      expect(performance.now() - started).toBeLessThan(3000);
      expect(bridgePorts(node)).toMatchObject([{ ifname: PORT.name, state: 'listening' }]);
      expect(lines).toEqual([
        `warn the spanning tree protocol has the bridge port ${PORT.name} listening: until then the container cannot be reached, by default for 30 s`,
      ]);
    });
  });
});

function killed(child: { kill(signal: 'SIGKILL'): void }): Disposable {
  return { [Symbol.dispose]: () => child.kill('SIGKILL') };
}
