/** MAC addresses: six bytes. */

const PAIRS = /^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$/i;
const FOURS = /^[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}$/i;

/**
 * Parses `aa:bb:cc:dd:ee:ff`, `aa-bb-cc-dd-ee-ff` and `aabb.ccdd.eeff`; in either case. @returns undefined where the text is
 * no MAC
 */
export function parseMac(text: string): Uint8Array | undefined {
  if (!PAIRS.test(text) && !FOURS.test(text)) return undefined;
  const digits = text.replace(/[:.-]/g, '');
  const bytes = new Uint8Array(6);
  for (let at = 0; at < 6; at++) bytes[at] = Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}

/** Lower case, divided by colons, as the kernel's tools print it. */
export function formatMac(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += `${text === '' ? '' : ':'}${byte < 16 ? '0' : ''}${byte.toString(16)}`;
  return text;
}

/** Whether an interface may have this MAC: it is no group address, and not all zero. */
export function isUnicastMac(bytes: Uint8Array): boolean {
  return bytes.length === 6 && ((bytes[0] as number) & 1) === 0 && bytes.some((byte) => byte !== 0);
}

/** A locally administered unicast address from the first twelve digits of a hash, so that it is the same each time. */
export function localMac(hash: string): Uint8Array {
  const bytes = new Uint8Array(6);
  for (let at = 0; at < 6; at++) bytes[at] = Number.parseInt(hash.slice(2 * at, 2 * at + 2), 16);
  bytes[0] = ((bytes[0] as number) & 0xfc) | 0x02;
  return bytes;
}
