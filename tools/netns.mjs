// Scratch network namespaces: making, entering and removing them. `nsenter` is used to enter, never `ip netns exec`,
// which also remounts /sys.

import { run, runJson, runLong } from './run.mjs';

/** The path under which a named namespace can be entered and handed to a plugin. */
export function netnsPath(name) {
  return `/run/netns/${name}`;
}

/** Makes all the namespaces named, with loopback down and nothing else in them; fails if one is there. */
export function createNetns(...names) {
  batch(names.map((name) => `netns add ${name}`));
}

/** Removes the namespaces named, and with them the interfaces in them; one that is gone is fine. */
export function removeNetns(...names) {
  batch(
    names.map((name) => `netns del ${name}`),
    ['-force'],
  );
}

/** Runs a short program inside a namespace. @returns its stdout. */
export function runIn(netns, file, ...args) {
  return run(...entering(netns, file, args));
}

/** Runs a program inside a namespace without blocking. @returns a promise of its stdout. */
export function runLongIn(netns, file, ...args) {
  return runLong(...entering(netns, file, args));
}

/** What `ip -j …` says inside a namespace, parsed. */
export function ipJson(netns, ...args) {
  return runJson(...entering(netns, 'ip', ['-j', ...args]));
}

/** What `nft -j …` says inside a namespace: the list of objects. */
export function nftJson(netns, ...args) {
  return runJson(...entering(netns, 'nft', ['-j', ...args])).nftables;
}

/** Runs several `ip` commands inside a namespace, one a line of the text. */
export function ipBatch(netns, text) {
  const [file, args] = entering(netns, 'ip', ['-batch', '-']);
  return run(file, args, { input: text });
}

function entering(netns, file, args) {
  return ['nsenter', [`--net=${netnsPath(netns)}`, file, ...args]];
}

function batch(lines, flags = []) {
  if (lines.length === 0) return;
  try {
    run('ip', [...flags, '-batch', '-'], { input: `${lines.join('\n')}\n` });
  } catch (error) {
    if (flags.length === 0) throw error;
  }
}
