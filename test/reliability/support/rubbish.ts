/** Inputs for fuzzing: good ones, and what becomes of them when keys, values, characters and bytes are exchanged. */

import fc from 'fast-check';

/** Values that programs stumble over, and some that are right somewhere. */
const VALUES: readonly unknown[] = [
  ...['', ' ', '\0', '../../etc/passwd', '-x', '--help', '__proto__', 'constructor', 'eth0', '%d', 'a'.repeat(5000)],
  ...[
    '10.1.0.0/24',
    '10.1.0.2',
    'fd00::/64',
    '::',
    '0.0.0.0/0',
    '255.255.255.255/32',
    '10.1.0.0/99',
    '1.2.3',
    '::ffff:1.2.3.4',
  ],
  ...['02:00:00:00:00:01', 'ff:ff:ff:ff:ff:ff', '\u001b[2J', '\ud800', '€'.repeat(300), 'true', '1500', '1e999'],
  ...[null, true, false, 0, -1, 1, 1.5, 1500, 65536, 2 ** 31, 2 ** 53, 1e308, -0],
  ...[[], {}, [[]], [{}], [null], { a: { b: {} } }, [[{ subnet: '10.1.0.0/24' }]], [{ dst: '0.0.0.0/0', gw: 'x' }]],
];

const value = fc.oneof(
  fc.constantFrom(...VALUES),
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.jsonValue({ maxDepth: 3 }),
);

/** Where in a JSON value something is changed, and to what. */
const change = fc.record({
  path: fc.array(fc.nat(30), { maxLength: 5 }),
  value,
  as: fc.constantFrom('value', 'gone', 'key'),
});
const key = fc.oneof(
  fc.constantFrom('', '__proto__', 'constructor', 'IPAM', 'nAme', 'mtu2'),
  fc.string({ maxLength: 20 }),
);

/** JSON like `good`, changed in up to four places. */
export function nearly(good: object): fc.Arbitrary<unknown> {
  return fc.tuple(fc.array(change, { maxLength: 4 }), key).map(([changes, name]) => {
    let json: unknown = structuredClone(good);
    for (const one of changes) json = changed(json, one.path, one.value, one.as, name);
    return json;
  });
}

/** The same as text, of which characters may be gone, doubled or exchanged. */
export function nearlyText(good: object): fc.Arbitrary<string> {
  return fc.oneof(
    { arbitrary: nearly(good).map((json) => JSON.stringify(json) ?? ''), weight: 8 },
    { arbitrary: garbled(nearly(good).map((json) => JSON.stringify(json) ?? '')), weight: 3 },
    { arbitrary: fc.json({ maxDepth: 4 }), weight: 1 },
    { arbitrary: fc.string({ unit: 'binary', maxLength: 300 }), weight: 1 },
  );
}

/** Text with some piece of it replaced by another. */
export function garbled(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom('{', '"', '\\u0000', '\r\n', ':', '[', '9'.repeat(400)),
  );
  return fc.tuple(text, fc.nat(), fc.nat(20), piece).map(([whole, at, length, instead]) => {
    const start = whole.length === 0 ? 0 : at % (whole.length + 1);
    return whole.slice(0, start) + instead + whole.slice(start + length);
  });
}

/** Bytes of which some are exchanged, some gone, and some too many. */
export function garbledBytes(good: Uint8Array): fc.Arbitrary<Uint8Array> {
  const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 });
  return fc.tuple(flips, fc.nat(good.length), fc.uint8Array({ maxLength: 12 })).map(([changes, length, tail]) => {
    const bytes = Uint8Array.from([...good.subarray(0, length === 0 ? good.length : length), ...tail]);
    for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
    return bytes;
  });
}

function changed(json: unknown, path: readonly number[], to: unknown, as: string, name: string): unknown {
  const [first, ...rest] = path;
  if (typeof json !== 'object' || json === null || first === undefined) return as === 'value' ? to : json;
  const keys = Object.keys(json);
  const at = keys[first % (keys.length || 1)];
  if (at === undefined) return to;
  const entries = Object.entries(json).flatMap(([one, entry]) => {
    if (one !== at) return [[one, entry] as const];
    if (rest.length > 0) return [[one, changed(entry, rest, to, as, name)] as const];
    return as === 'gone' ? [] : as === 'key' ? [[name, entry] as const] : [[one, to] as const];
  });
  return Array.isArray(json) ? entries.map(([, entry]) => entry) : Object.fromEntries(entries);
}
