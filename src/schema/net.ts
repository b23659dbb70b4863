/**
 * Schemas of the values that configurations, arguments and results share: text in JSON, parsed values out. Making a
 * schema costs tens of microseconds, so each is made once and used wherever it fits.
 */

import { type Cidr, parseCidr } from '../address/cidr.ts';
import { type Ip, parseIp } from '../address/ip.ts';
import { isUnicastMac, parseMac } from '../address/mac.ts';
import * as z from './zod.ts';

/** A route as CNI 1.1.0 has it. `gw` absent: through the attachment's gateway of the same family, if it has one. */
export interface Route {
  readonly dst: Cidr;
  readonly gw?: Ip | undefined;
  readonly mtu?: number | undefined;
  readonly advmss?: number | undefined;
  readonly priority?: number | undefined;
  readonly table?: number | undefined;
  readonly scope?: number | undefined;
}

export interface Dns {
  readonly nameservers?: readonly string[] | undefined;
  readonly domain?: string | undefined;
  readonly search?: readonly string[] | undefined;
  readonly options?: readonly string[] | undefined;
}

/** A key that most configurations do not have: its schema is made when a value is there. */
export function laterSchema<T extends z.core.$ZodType>(make: () => T) {
  return z.optional(z.lazy(make));
}

export const flagSchema = z.optional(z.boolean());
export const textSchema = z.optional(z.string());

/** A string that `parse` understands. */
function textOf<T>(what: string, parse: (text: string) => T | undefined) {
  return z.pipe(z.string(), z.transform(reader(what, parse)));
}

/** The same where it may be missing; "", Go's zero value, also says nothing. */
function optionalTextOf<T>(what: string, parse: (text: string) => T | undefined) {
  const read = reader(what, parse);
  const transform = z.transform((text: string, context: Context) => (text === '' ? undefined : read(text, context)));
  return z.optional(z.pipe(z.string(), transform));
}

type Context = z.core.ParsePayload;

function reader<T>(what: string, parse: (text: string) => T | undefined) {
  return (text: string, context: Context): T => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', message: `${JSON.stringify(text)} is not ${what}`, input: text });
    return z.NEVER;
  };
}

/** An address that may be missing. */
export const optionalIpSchema = optionalTextOf('an IP address', parseIp);

/** `address/length`, host bits kept. */
export const cidrSchema = textOf('an address with a prefix length, like 10.1.0.0/16', parseCidr);

/** Addresses with or without a prefix length, as requested ones come: the length is dropped. */
export function createIpsSchema() {
  return z.array(textOf('an IP address', (text) => parseIp(text) ?? parseCidr(text)?.ip));
}

/** @returns undefined where the text is no MAC address that an interface may have */
export function parseMacAddress(text: string): Uint8Array | undefined {
  const bytes = parseMac(text);
  return bytes !== undefined && isUnicastMac(bytes) ? bytes : undefined;
}

export function createMacSchema() {
  return optionalTextOf('a MAC address that an interface may have, like 0a:1b:2c:3d:4e:5f', parseMacAddress);
}

/** A whole number from 0 to `most`, which may be missing. */
export function unsignedSchema(most: number) {
  return z.optional(z.int().check(z.minimum(0), z.maximum(most)));
}

/** The sizes that the kernel takes as a link's MTU; 0 says nothing. */
export const mtuSchema = unsignedSchema(0xffff);

export function createRouteSchema() {
  const u32Schema = unsignedSchema(0xffff_ffff);
  return z.object({
    dst: cidrSchema,
    gw: optionalIpSchema,
    mtu: mtuSchema,
    advmss: mtuSchema,
    priority: u32Schema,
    table: u32Schema,
    scope: unsignedSchema(0xff),
  });
}

export function createDnsSchema() {
  const texts = z.optional(z.array(z.string()));
  return z.object({ nameservers: texts, domain: textSchema, search: texts, options: texts });
}
