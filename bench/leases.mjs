// Leases made by hand, for nodes that have had many containers: as host-local leaves them on disk, and as ours does.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The range that the leases are from; addresses are taken from its start. */
export const SUBNET = '10.0.0.0/8';

const FIRST = 2; // .1 is the gateway

/** Adds a number of leases to a node that has none, as host-local writes them. */
export function addLeases({ config, label }, count) {
  if (count === 0) return;
  const directory = join(config.ipam.dataDir, config.name);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (let n = 0; n < count; n += 1) writeFileSync(join(directory, address(n)), `${containerId(label, n)}\r\neth0`);
  writeFileSync(join(directory, 'last_reserved_ip.0'), address(count - 1));
}

/** Adds the records to such leases, in the image of the one record there is, which the plugin itself has written. */
export function addRecords({ config, label }, count) {
  const directory = join(config.ipam.dataDir, '.trestle', config.name);
  const name = readdirSync(directory).find((entry) => entry.endsWith(':eth0'));
  const image = JSON.parse(readFileSync(join(directory, name), 'utf8'));
  for (let n = 0; n < count; n += 1) {
    const record = { ...image, containerId: containerId(label, n), addresses: [`${address(n)}/8`] };
    writeFileSync(join(directory, `${record.containerId}:eth0`), `${JSON.stringify(record)}\n`);
  }
}

/** IDs as runtimes make them: 64 hexadecimal digits. */
function containerId(label, n) {
  return createHash('sha256').update(`${label} ${n}`).digest('hex');
}

function address(n) {
  const host = n + FIRST;
  return `10.${(host >> 16) & 255}.${(host >> 8) & 255}.${host & 255}`;
}
