/** Addresses from text. */

import { type Cidr, parseCidr } from '../../../src/address/cidr.ts';
import { type Ip, parseIp } from '../../../src/address/ip.ts';
import { parseMac } from '../../../src/address/mac.ts';

export function cidr(text: string): Cidr {
  return known(parseCidr(text), text);
}

export function ip(text: string): Ip {
  return known(parseIp(text), text);
}

export function mac(text: string): Uint8Array {
  return known(parseMac(text), text);
}

function known<T>(value: T | undefined, text: string): T {
  if (value === undefined) throw new Error(`${text} is malformed`);
  return value;
}
