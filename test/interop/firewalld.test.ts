/** A real firewalld beside us: what its administrator does, what gets through after it, and what CHECK and STATUS say. */

import { expect, test } from 'bun:test';
import { FIREWALLS, loadFirewall } from '../e2e/support/firewalls.ts';
import { executable } from '../support/artifacts.ts';
import { whyNoGoModule } from '../support/go-programs.ts';
import { FLAVOURS } from '../support/iptables.ts';
import { NODE_ADDRESS } from '../support/node.ts';
import { patient } from '../support/patience.ts';
import { describeUnless } from '../support/privilege.ts';
import { seenFrom } from '../support/traffic.ts';
import { whyNotUnpacked } from '../support/unpacked.ts';
import {
  ALL,
  createFilteredMachine,
  type FilteredMachine,
  NONE,
  type Seen,
  type Step,
  UNFILTERED,
} from './support/filtered-machine.ts';

const TIMEOUT = patient(180_000);
const MESSAGE = /what cni0 forwards is dropped by the chain filter_FORWARD of the nftables table inet firewalld/;
const POLICY = /what cni0 forwards is dropped: the policy of FORWARD in iptables \(.*\) is DROP/;
const TOLD = expect.stringMatching(MESSAGE) as unknown as string;
const TO_UPLINK = expect.stringMatching(
  /what cni0 forwards to eth0 is dropped by the chain filter_FORWARD of the nftables table inet firewalld/,
) as unknown as string;
const PANIC = expect.stringMatching(
  /what cni0 forwards is dropped by the chain raw_prerouting of the nftables table inet firewalld_policy_drop/,
) as unknown as string;
const LOST = expect.stringMatching(POLICY) as unknown as string;

/** A bridge that is in no zone belongs to the default one, and what it forwards is rejected. Connections to ports that were DNATed are not. */
const REJECTED = { out: NONE, peer: NONE, node: 'icmp', inward: NONE, check: TOLD, status: TOLD } as const;
const TRUSTED = { out: ALL, peer: ALL, node: ALL, inward: NONE, check: 'ok', status: 'ok' } as const;
const IN_PUBLIC: Seen = { ...UNFILTERED, ...REJECTED };

/** firewall-cmd speaks with it over D-Bus. Without polkit there, root may do everything. */
const BUS = `<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/><allow user="*"/></policy>
</busconfig>
`;
const START = `setsid firewalld --nofork --nopid >/var/log/firewalld.out 2>&1 </dev/null &
echo $! >/run/firewalld.pid
for try in $(seq 300); do firewall-cmd --state >/dev/null 2>&1 && exit; sleep 0.1; done
cat /var/log/firewalld.out >&2
exit 1`;
const STOP = 'read -r pid </run/firewalld.pid; kill "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done';

function firewalld({ machine }: FilteredMachine) {
  const shell = (script: string) => () => machine.run(['sh', '-c', script]);
  const command = (line: string) => shell(`firewall-cmd ${line}`);
  const permanent = (line: string) => shell(`firewall-cmd --permanent ${line} && firewall-cmd --reload`);
  const start = () => {
    if (machine.tryRun(['test', '-S', '/run/dbus/system_bus_socket']).status !== 0) startBus();
    shell(START)();
  };
  const startBus = () => {
    machine.write('/run/dbus/bus.conf', BUS);
    machine.run(['dbus-daemon', '--config-file=/run/dbus/bus.conf', '--fork', '--nopidfile']);
  };
  return { start, stop: shell(STOP), command, permanent };
}

/** Starts firewalld, which trusts the bridge for good, and attaches both containers. */
async function trusting(filtered: FilteredMachine) {
  const started = firewalld(filtered);
  started.start();
  started.permanent('--zone=trusted --add-interface=cni0')();
  await filtered.addBoth();
  return started;
}

describeUnless(whyNotUnpacked('firewalld', 'dbus-daemon') ?? whyNoGoModule('plugins'), 'firewalld', () => {
  test.concurrent(
    'started before the first container, then whatever its administrator does',
    async () => {
      using filtered = await createFilteredMachine('nft');
      const { start, stop, command, permanent } = firewalld(filtered);
      const permanentPolicy = () => {
        for (const words of POLICY_OF_INTERNAL) command(`--permanent ${words}`)();
        permanent('--zone=internal --add-interface=cni0')();
      };
      start();
      await filtered.addBoth();
      await filtered.follow(IN_PUBLIC, [
        ['the default zone', () => {}, {}],
        ['another ADD', async () => expect(await filtered.add()).toMatch(MESSAGE), {}],
        // What other programs have in iptables is flushed.
        ['reload', command('--reload'), { published: NONE }],
        ['cni0 in trusted', command('--zone=trusted --add-interface=cni0'), TRUSTED],
        ['reload, which forgets it', command('--reload'), REJECTED],
        ['cni0 in trusted for good', permanent('--zone=trusted --add-interface=cni0'), TRUSTED],
        ['the port published anew', filtered.publish, { published: 'tcp' }],
        ['default zone drop', command('--set-default-zone=drop'), {}],
        ['complete reload', command('--complete-reload'), { published: NONE }],
        ['the port published again', filtered.publish, { published: 'tcp' }],
        ['stopped', stop, { inward: ALL, published: NONE }],
        ['started again', start, TRUSTED],
        [
          'cni0 in no zone, default drop',
          permanent('--zone=trusted --remove-interface=cni0'),
          { ...REJECTED, node: NONE },
        ],
        ['the port published once more', filtered.publish, { published: 'tcp' }],
        ['default zone trusted', command('--set-default-zone=trusted'), { ...TRUSTED, inward: ALL }],
        ['default zone public', command('--set-default-zone=public'), REJECTED],
        // The zone forwards within itself.
        [
          'cni0 in internal',
          command('--zone=internal --add-interface=cni0'),
          { peer: ALL, check: TO_UPLINK, status: TO_UPLINK },
        ],
        ['with a policy that accepts', permanentPolicy, { out: ALL, published: NONE, check: 'ok', status: 'ok' }],
        ['default zone trusted again', command('--set-default-zone=trusted'), { inward: ALL }],
        ['without the policy', permanent('--delete-policy=pods'), { out: NONE, check: TO_UPLINK, status: TO_UPLINK }],
      ]);
    },
    TIMEOUT,
  );

  test.concurrent(
    'started after the containers: what iptables had is gone, masquerading and accept of the bridge are as the zone has it',
    async () => {
      using filtered = await createFilteredMachine('nft');
      const { start, command, permanent } = firewalld(filtered);
      await filtered.addBoth();
      await filtered.follow(UNFILTERED, [
        ['no firewall', () => {}, {}],
        ['firewalld', start, { ...REJECTED, published: NONE }],
        ['containers trusted by source', permanent(SOURCES), TRUSTED],
        [
          'panic',
          command('--panic-on'),
          { out: NONE, peer: NONE, node: NONE, fromNode: NONE, check: PANIC, status: PANIC },
        ],
        ['no panic', command('--panic-off'), { ...TRUSTED, fromNode: ALL }],
        ['masquerading in public, too', command('--add-masquerade'), {}],
      ]);
      const { node } = filtered.machine;
      for (const line of FORWARDED_PORT) command(line)();
      for (const address of Object.values(NODE_ADDRESS))
        expect(seenFrom(node.outside, { address, port: 8081 })).toBeDefined();
    },
    TIMEOUT,
  );

  test.concurrent(
    'masquerading by iptables is lost with a reload: CHECK and STATUS tell, and the next ADD brings it back for all',
    async () => {
      using filtered = await createFilteredMachine('nft', { ipMasqBackend: 'iptables' });
      const { command } = await trusting(filtered);
      const lost = expect.stringMatching(/^10\.89\.0\.2 is not masqueraded/) as unknown as string;
      const lostByAny = expect.stringMatching(
        /^trestle: warn: 10\.89\.0\.[23] is not masqueraded/,
      ) as unknown as string;
      await filtered.follow({ ...UNFILTERED, ...TRUSTED }, [
        ['two ADDs', () => {}, {}],
        ['reload', command('--reload'), { out: NONE, published: NONE, check: lost, status: lostByAny }],
        ['another ADD', filtered.add, { out: ALL, check: 'ok', status: 'ok' }],
      ]);
    },
    TIMEOUT,
  );

  test.concurrent(
    'trestle watch puts back what a reload takes from iptables, within two seconds',
    async () => {
      using filtered = await createFilteredMachine('nft', { ipMasqBackend: 'iptables' });
      const { command } = await trusting(filtered);
      const { machine } = filtered;
      const watch = `"${executable.path}" watch --data-dir "${machine.node.dataDir}" --conf-dir /etc/cni/net.d`;
      machine.run(['sh', '-c', `setsid ${watch} >/var/log/watch.out 2>&1 </dev/null & sleep 1`]);
      const reload = async () => {
        command('--reload')();
        await Bun.sleep(2_000);
      };
      await filtered.follow({ ...UNFILTERED, ...TRUSTED }, [
        ['watched', () => {}, {}],
        ['reload', reload, { published: NONE }],
        ['another reload', reload, {}],
      ]);
    },
    TIMEOUT,
  );

  test.concurrent.each([...FLAVOURS])(
    '%s: Docker has FORWARD drop, and firewalld starts after it: the accept is lost, until the next ADD',
    async (flavour) => {
      using filtered = await createFilteredMachine(flavour);
      const { start, command } = firewalld(filtered);
      loadFirewall(filtered.machine.node.ns, flavour, docker());
      await filtered.addBoth();
      const started: Step = [
        'firewalld, cni0 in trusted',
        () => {
          start();
          command('--zone=trusted --add-interface=cni0')();
        },
        { out: NONE, peer: NONE, published: NONE, check: LOST, status: LOST },
      ];
      await filtered.follow({ ...UNFILTERED, inward: NONE }, [
        ['two ADDs', () => {}, {}],
        started,
        ['another ADD', filtered.add, { out: ALL, peer: ALL, check: 'ok', status: 'ok' }],
      ]);
    },
    TIMEOUT,
  );
});

const POLICY_OF_INTERNAL = [
  '--new-policy pods',
  '--policy pods --add-ingress-zone internal',
  '--policy pods --add-egress-zone ANY',
  '--policy pods --set-target ACCEPT',
];
const SOURCES = '--zone=trusted --add-source=10.89.0.0/24 --add-source=fd00:89::/64';
const FORWARDED_PORT = [
  '--add-forward-port=port=8081:proto=tcp:toport=7777:toaddr=10.89.0.2',
  "--add-rich-rule='rule family=ipv6 forward-port port=8081 protocol=tcp to-port=7777 to-addr=fd00:89::2'",
];

function docker() {
  const found = FIREWALLS.find(({ name }) => name === 'DOCKER-USER');
  if (found === undefined) throw new Error('there is no firewall DOCKER-USER');
  return found;
}
