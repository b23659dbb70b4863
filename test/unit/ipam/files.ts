/** What lies in a data directory, as the store's tests look at it. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

export const NETWORK = 'pods';

/** The files of the network that host-local sees, without `lock` and the cursors, sorted. */
export function leases(dataDir: string, network = NETWORK): string[] {
  const names = readdirSync(`${dataDir}/${network}`);
  return names.filter((name) => name !== 'lock' && !name.startsWith('last_reserved_ip')).sort();
}

/** Our own files of the network, sorted. */
export function own(dataDir: string, network = NETWORK): string[] {
  return readdirSync(`${dataDir}/.trestle/${network}`).sort();
}

export function text(dataDir: string, address: string): string {
  return readFileSync(`${dataDir}/${NETWORK}/${address}`, 'utf8');
}

/** A file as host-local writes it. */
export function foreign(dataDir: string, address: string, text: string): string {
  mkdirSync(`${dataDir}/${NETWORK}`, { recursive: true });
  const path = `${dataDir}/${NETWORK}/${address}`;
  writeFileSync(path, text);
  return path;
}

/** The record of that name, `containerID:ifname`. */
export function record(dataDir: string, name: string): string {
  return readFileSync(`${dataDir}/.trestle/${NETWORK}/${name}`, 'utf8');
}
