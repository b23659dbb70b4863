/** Schemas of the values that configurations, arguments and results share, such as addresses, MACs and routes. */

import * as z from 'zod/mini';
import { parseCidr } from '../address/cidr.ts';
import { parseIp } from '../address/ip.ts';
import { isUnicastMac, parseMac } from '../address/mac.ts';
import { type Parsed, quoted } from './explain.ts';

/** Parsing a list stops at this number of errors: a long list may be wrong throughout. */
const MOST_ISSUES = 20;

/** `z.array` that stops at MOST_ISSUES. */
export function list<S extends z.ZodMiniType>(element: S): z.ZodMiniArray<S> {
  const schema = z.array(element);
  const refuse = schema._zod.run;
  schema._zod.run = (payload, context) => {
    const entries: unknown = payload.value;
    if (!Array.isArray(entries)) return refuse(payload, context);
    const { issues } = payload;
    const values: unknown[] = [];
    for (let at = 0; at < entries.length && issues.length < MOST_ISSUES; at++) {
      const entry = element._zod.run({ value: entries[at], issues: [] }, context) as z.core.ParsePayload;
      for (const issue of entry.issues) issues.push({ ...issue, path: [at, ...(issue.path ?? [])] });
      values.push(entry.value);
    }
    payload.value = values;
    return payload;
  };
  return schema;
}

type Optionals<Shape> = {
  -readonly [Key in keyof Shape]: Shape[Key] extends z.core.SomeType ? z.ZodMiniOptional<Shape[Key]> : never;
};

/** An object with required and optional keys. Unknown keys are dropped. */
export function object<Required extends z.core.$ZodShape, Optional extends z.core.$ZodShape = Record<never, never>>(
  required: Required,
  optional = {} as Optional,
) {
  const wrapped = Object.entries(optional).map(([key, schema]) => [key, z.optional(schema)]);
  const optionals = Object.fromEntries(wrapped) as Optionals<Optional>;
  const schema = z.object<Required & Optionals<NoInfer<Optional>>>({ ...required, ...optionals });
  // zod prepares a schema at its first use, which takes 0.3 ms for a configuration. The build does it for all calls.
  z.safeParse(schema, {});
  return schema;
}

/** An object of optional keys. */
export function options<Keys extends z.core.$ZodShape>(keys: Keys) {
  return object({}, keys);
}

/** A whole number from 0 to `most`. */
export function unsigned(most: number) {
  return z.int().check(z.minimum(0), z.maximum(most));
}

/** A string that `parse` understands; otherwise the error is that the string "is not `what`". */
export function parsed<T>(what: string, parse: (text: string) => T | undefined) {
  return z.pipe(z.string(), z.transform(reader(what, parse)));
}

/** Like `parsed`, where "", Go's zero value, counts as absent. */
export function textOrNothing<T>(what: string, parse: (text: string) => T | undefined) {
  const read = reader(what, parse);
  const transform = z.transform((text: string, context) => (text === '' ? undefined : read(text, context)));
  return z.pipe(z.string(), transform);
}

export const ip = textOrNothing('an IP address', parseIp);

/** `address/length`, host bits kept. */
export const cidr = parsed('an address with a prefix length, like 10.1.0.0/16', parseCidr);

/** Requested addresses, with or without a prefix length, which is dropped. */
export const ips = list(parsed('an IP address', (text) => parseIp(text) ?? parseCidr(text)?.ip));

export const mac = textOrNothing('a MAC address that an interface may have, like 0a:1b:2c:3d:4e:5f', parseMacAddress);

/** @returns undefined where the text is not a unicast MAC address */
export function parseMacAddress(text: string): Uint8Array | undefined {
  const bytes = parseMac(text);
  return bytes !== undefined && isUnicastMac(bytes) ? bytes : undefined;
}

const u16 = unsigned(0xffff);
const u32 = unsigned(0xffff_ffff);

/** A link's MTU; callers take 0 for absent, as Go's zero value. */
export const mtu = u16;

/** A route of CNI 1.1.0. Without `gw` it goes through the attachment's gateway of the same family, if there is one. */
export const route = object(
  { dst: cidr },
  { gw: ip, mtu: u16, advmss: u16, priority: u32, table: u32, scope: unsigned(0xff) },
);
export type Route = Parsed<typeof route>;

const texts = list(z.string());
export const dns = options({ nameservers: texts, domain: z.string(), search: texts, options: texts });
export type Dns = Parsed<typeof dns>;

function reader<T>(what: string, parse: (text: string) => T | undefined) {
  return (text: string, context: z.core.ParsePayload): T => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', message: `${quoted(text)} is not ${what}`, input: text });
    return z.NEVER;
  };
}
