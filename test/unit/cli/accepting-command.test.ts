/** The command lines by which another program's table lets through what a bridge forwards. */

import { expect, test } from 'bun:test';
import { acceptingCommand } from '../../../src/cli/doctor/accepting-command.ts';
import * as nft from '../../../src/netlink/nft/constants.ts';

const drop = (table: string, hook: number) => ({
  chain: {
    table: { family: nft.NFPROTO_INET, name: table },
    name: 'fw',
    hook,
    type: 'filter',
    policy: nft.NF_DROP,
    uses: 0,
  },
  table: `inet ${table}`,
  output: undefined,
});

test('firewalld has commands of its own, since a reload makes its tables anew', () => {
  expect(acceptingCommand(drop('firewalld', nft.NF_INET_FORWARD), 'cni0')).toBe(
    'firewall-cmd --permanent --zone=trusted --add-interface=cni0 && firewall-cmd --reload',
  );
  expect(acceptingCommand(drop('firewalld_policy_drop', nft.NF_INET_FORWARD), 'cni0')).toBe('firewall-cmd --panic-off');
});

test('a chain before routing does not know the outgoing interface', () => {
  expect(acceptingCommand(drop('own', nft.NF_INET_PRE_ROUTING), 'cni0')).toBe(
    'nft insert rule inet own fw iifname cni0 accept && nft insert rule inet own fw ct state established,related accept',
  );
  expect(acceptingCommand(drop('own', nft.NF_INET_POST_ROUTING), 'cni0')).toBe(
    'nft insert rule inet own fw iifname cni0 accept && nft insert rule inet own fw oifname cni0 accept',
  );
});

test('names that a shell or nft would take apart are quoted', () => {
  expect(acceptingCommand(drop('own', nft.NF_INET_FORWARD), '0;reboot')).toBe(
    `nft insert rule inet own fw iifname '"0;reboot"' accept && nft insert rule inet own fw oifname '"0;reboot"' accept`,
  );
});
