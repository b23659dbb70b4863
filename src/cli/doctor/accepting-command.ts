/** The command line by which the table of another program lets through what a bridge forwards. */

import * as nft from '../../netlink/nft/constants.ts';
import { type ForeignDrop, PANIC } from '../../resources/forward-accept/foreign-drop.ts';
import { word } from './command-lines.ts';

/** Names that nft takes without quotation marks. */
const PLAIN_NAME = /^[A-Za-z][\w.-]*$/;

/** Has the chain accept what the bridge forwards, and the replies; firewalld, which makes its tables anew, has its own commands. */
export function acceptingCommand({ chain, table }: ForeignDrop, bridge: string): string {
  if (chain.table.name === PANIC) return 'firewall-cmd --panic-off';
  if (chain.table.name.startsWith('firewalld')) {
    const addition = word(`--add-interface=${bridge}`);
    return `firewall-cmd --permanent --zone=trusted ${addition} && firewall-cmd --reload`;
  }
  const place = [...table.split(' '), chain.name].map(word).join(' ');
  const link = word(PLAIN_NAME.test(bridge) ? bridge : `"${bridge}"`);
  const replies = chain.hook === nft.NF_INET_PRE_ROUTING ? 'ct state established,related' : `oifname ${link}`;
  return [`iifname ${link}`, replies].map((match) => `nft insert rule ${place} ${match} accept`).join(' && ');
}
