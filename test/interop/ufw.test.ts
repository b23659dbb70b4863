/** A real ufw beside us: what its administrator does, what gets through after it, and what CHECK and STATUS say. */

import { expect, test } from 'bun:test';
import { whyNoGoModule } from '../support/go-programs.ts';
import { FLAVOURS, savedRules } from '../support/iptables.ts';
import { patient } from '../support/patience.ts';
import { describeUnless } from '../support/privilege.ts';
import { whyNotUnpacked } from '../support/unpacked.ts';
import {
  ALL,
  createFilteredMachine,
  type FilteredMachine,
  NONE,
  type Seen,
  UNFILTERED,
} from './support/filtered-machine.ts';

const TIMEOUT = patient(180_000);
const matching = (text: RegExp) => expect.stringMatching(text) as unknown as string;
const LOST = matching(
  /what cni0 forwards is dropped: the policy of FORWARD in iptables \(.*\) is DROP, and the accept for cni0 is not there/,
);
const REJECTED = matching(
  /what cni0 forwards is dropped: a rule of FORWARD in iptables \(.*\) drops or rejects everything, and the accept for cni0 is not there/,
);

/** ufw itself lets echo requests pass, in ufw-before-forward and ufw-before-input. */
const CUT_OFF: Partial<Seen> = {
  ...{ out: 'icmp', peer: 'icmp', node: 'icmp', published: NONE, inward: 'icmp' },
  ...{ check: LOST, status: LOST },
};
const ACCEPTED: Partial<Seen> = {
  ...{ out: ALL, peer: ALL, node: 'icmp', published: 'tcp', inward: 'icmp' },
  ...{ check: 'ok', status: 'ok' },
};
const FILTERED: Seen = { ...UNFILTERED, ...ACCEPTED };

/** The package's first configuration copies its templates, which are not in place where it is only unpacked. */
function install({ machine }: FilteredMachine): void {
  machine.run([
    'sh',
    '-ec',
    'cd /usr/share/ufw; cp iptables/*.rules *.init ufw.conf /etc/ufw/; chmod 640 /etc/ufw/*.*',
  ]);
}

const ufw =
  ({ machine }: FilteredMachine, command: string) =>
  () =>
    machine.run(['sh', '-ec', `ufw ${command}`]);

describeUnless(whyNotUnpacked('ufw') ?? whyNoGoModule('plugins'), 'ufw', () => {
  test.concurrent.each([...FLAVOURS])(
    '%s: enabled after the first containers, then whatever its administrator does',
    async (flavour) => {
      using filtered = await createFilteredMachine(flavour);
      install(filtered);
      await filtered.addBoth();
      const run = (command: string) => ufw(filtered, command);
      await filtered.follow(UNFILTERED, [
        ['ufw enable', run('--force enable'), CUT_OFF],
        ['the next ADD', filtered.add, ACCEPTED],
        ['ufw reload', run('reload'), {}],
        ['ufw route deny', run('route deny out on eth0 to 203.0.113.1'), { out: `icmp | ${ALL}` }],
        ['an ADD after it', filtered.add, {}],
        ['ufw route reject', run('route reject proto tcp to 2001:db8:ffff::1 port 7777'), { out: 'icmp | icmp udp' }],
        ['both deleted', run('--force delete 1; ufw --force delete 1'), { out: ALL }],
        ['ufw route allow', run('route allow in on eth0 out on cni0'), { inward: ALL }],
        ['ufw disable', run('disable'), { node: ALL }],
        ['ufw enable again', run('--force enable'), { node: 'icmp' }],
        ['ufw default allow routed', run('default allow routed'), {}],
        ['ufw default deny routed', run('default deny routed'), {}],
      ]);
    },
    TIMEOUT,
  );

  test.concurrent(
    'enabled before the first container: it is accepted at once, and nothing is left after the last',
    async () => {
      using filtered = await createFilteredMachine('nft');
      const { machine, pods } = filtered;
      install(filtered);
      ufw(filtered, '--force enable')();
      const rules = () => ([4, 6] as const).map((family) => savedRules(machine.node.ns, 'nft', family, 'filter'));
      const before = rules();
      await filtered.addBoth();
      await filtered.follow(FILTERED, [['two ADDs', () => {}, {}]]);
      for (const container of machine.node.containers) pods.del(container);
      expect(rules()).toEqual(before);
    },
    TIMEOUT,
  );

  test.concurrent.each([...FLAVOURS])(
    '%s: routed packets rejected: the accept survives what empties the chain that rejects, and what empties FORWARD is reported',
    async (flavour) => {
      using filtered = await createFilteredMachine(flavour);
      install(filtered);
      ufw(filtered, 'default reject routed')();
      ufw(filtered, '--force enable')();
      await filtered.addBoth();
      const builtins = 'sed -i s/MANAGE_BUILTINS=no/MANAGE_BUILTINS=yes/ /etc/default/ufw; ufw reload';
      await filtered.follow(FILTERED, [
        ['routed packets rejected', () => {}, {}],
        ['ufw reload', ufw(filtered, 'reload'), {}],
        ['an ADD', filtered.add, {}],
        ['ufw default deny routed', ufw(filtered, 'default deny routed'), {}],
        ['ufw default reject routed', ufw(filtered, 'default reject routed'), {}],
        [
          'MANAGE_BUILTINS=yes',
          () => filtered.machine.run(['sh', '-ec', builtins]),
          { ...CUT_OFF, check: REJECTED, status: REJECTED },
        ],
        // It flushes nat of IPv4 as well, and with it the published port, which is portmap's to bring back.
        ['the last ADD', filtered.add, { ...ACCEPTED, published: ' | tcp' }],
      ]);
    },
    TIMEOUT,
  );
});
