/** Schemas of the values that configurations, arguments and results share: text in JSON, parsed values out. */

import * as z from 'zod/mini';
import { parseCidr } from '../address/cidr.ts';
import { parseIp } from '../address/ip.ts';
import { isUnicastMac, parseMac } from '../address/mac.ts';
import { type Parsed, quoted } from './explain.ts';

/** A list with more that is off in it than this is not read on: a long one may be wrong throughout. */
const ENOUGH = 20;

/** `z.array`, which would go on to the end. */
export function list<S extends z.ZodMiniType>(element: S): z.ZodMiniArray<S> {
  const schema = z.array(element);
  const refuse = schema._zod.run;
  schema._zod.run = (payload, context) => {
    const entries: unknown = payload.value;
    if (!Array.isArray(entries)) return refuse(payload, context);
    const { issues } = payload;
    const values: unknown[] = [];
    for (let at = 0; at < entries.length && issues.length < ENOUGH; at++) {
      const entry = element._zod.run({ value: entries[at], issues: [] }, context) as z.core.ParsePayload;
      for (const issue of entry.issues) issues.push({ ...issue, path: [at, ...(issue.path ?? [])] });
      values.push(entry.value);
    }
    payload.value = values;
    return payload;
  };
  return schema;
}

/** An object with keys that must be there and keys that may. Unknown keys are dropped. */
export function object<Required extends z.core.$ZodShape, Optional extends z.core.$ZodShape = Record<never, never>>(
  required: Required,
  optional = {} as Optional,
) {
  const schema = z.extend(z.object(required), z.partial(z.object(optional)).shape);
  // zod prepares a schema when it first parses: 0.3 ms for a configuration, which no call need spend.
  z.safeParse(schema, {});
  return schema;
}

/** An object whose keys may all be absent. */
export function options<Keys extends z.core.$ZodShape>(keys: Keys) {
  return object({}, keys);
}

/** A whole number from 0 to `most`. */
export function unsigned(most: number) {
  return z.int().check(z.minimum(0), z.maximum(most));
}

/** What `parse` makes of a string; where it makes nothing of it, the string "is not `what`". */
export function parsed<T>(what: string, parse: (text: string) => T | undefined) {
  return z.pipe(z.string(), z.transform(reader(what, parse)));
}

/** A string that `parse` understands, where "", Go's zero value, says nothing. */
export function textOrNothing<T>(what: string, parse: (text: string) => T | undefined) {
  const read = reader(what, parse);
  const transform = z.transform((text: string, context) => (text === '' ? undefined : read(text, context)));
  return z.pipe(z.string(), transform);
}

function reader<T>(what: string, parse: (text: string) => T | undefined) {
  return (text: string, context: z.core.ParsePayload): T => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', message: `${quoted(text)} is not ${what}`, input: text });
    return z.NEVER;
  };
}

export const ip = textOrNothing('an IP address', parseIp);

/** `address/length`, host bits kept. */
export const cidr = parsed('an address with a prefix length, like 10.1.0.0/16', parseCidr);

/** Addresses with or without a prefix length, as requested ones come: the length is dropped. */
export const ips = list(parsed('an IP address', (text) => parseIp(text) ?? parseCidr(text)?.ip));

export const mac = textOrNothing('a MAC address that an interface may have, like 0a:1b:2c:3d:4e:5f', parseMacAddress);

/** @returns undefined where the text is no MAC address that an interface may have */
export function parseMacAddress(text: string): Uint8Array | undefined {
  const bytes = parseMac(text);
  return bytes !== undefined && isUnicastMac(bytes) ? bytes : undefined;
}

const u16 = unsigned(0xffff);
const u32 = unsigned(0xffff_ffff);

/** The sizes that the kernel takes as a link's MTU; 0 says nothing. */
export const mtu = u16;

/** A route as CNI 1.1.0 has it. `gw` absent: through the attachment's gateway of the same family, if it has one. */
export const route = object(
  { dst: cidr },
  { gw: ip, mtu: u16, advmss: u16, priority: u32, table: u32, scope: unsigned(0xff) },
);
export type Route = Parsed<typeof route>;

const texts = list(z.string());
export const dns = options({ nameservers: texts, domain: z.string(), search: texts, options: texts });
export type Dns = Parsed<typeof dns>;
