// The table of contents of the demo.

import { failureOf, startRuntime } from '../tools/runtime.mjs';
import { duration, paint } from '../tools/screen.mjs';
import { showIsolation, showVethPair } from './by-hand.mjs';
import { drawTopology } from './drawing.mjs';
import { showFaults } from './fault.mjs';
import { CONTAINERS, configuration, plugin, SUBNETS } from './network.mjs';
import { readTopology } from './topology.mjs';
import { findTraces, showTraces } from './traces.mjs';
import { PING_WIDTHS, showPings, showVisits } from './traffic.mjs';
import { buildWorld, startInternet } from './world.mjs';

const ATTACHMENT = [8, -9, 36];

/** Plays the demo in a scratch space: four experiments, from isolated namespaces to the way outside; then a fault; then the end. */
export async function tellStory(scratch, report) {
  const world = buildWorld(scratch);
  const server = await startInternet(world.internet);
  const runtime = startRuntime(world.node);
  const config = configuration(`${scratch.directory}/networks`);
  const attachments = CONTAINERS.map((name, i) => ({ name, containerId: `demo-${name}`, netns: world.containers[i] }));
  const call = (command, attachment) => runtime.call(plugin(), { command, config, ...attachment });

  await showIsolation(report, world);
  await showVethPair(report, world);
  report.section('3. A bridge of three: ADD', ATTACHMENT);
  const added = await showAdds(report, call, attachments);
  showDrawing(report, world);
  report.section('Each reaches the others', PING_WIDTHS);
  await showPings(report, world);
  report.section('4. The way outside, with NAT', PING_WIDTHS);
  await showVisits(report, world);
  await showFaults(report, world, { directory: scratch.directory, dataDir: config.ipam.dataDir }, added);
  await showChecks(report, call, added);
  const before = findTraces(world, config);
  await showDels(report, call, added);
  showTraces(report, config, before, findTraces(world, config));

  runtime.close();
  server.disconnect();
}

async function showAdds(report, call, attachments) {
  report.show([paint('dim', `    ${exampleCall(attachments[0])}`)]);
  const added = [];
  for (const attachment of attachments) {
    const reply = await call('ADD', attachment);
    const addresses = reply.result?.ips?.map(({ address }) => address) ?? [];
    const told = reply.ok ? [addresses.join('  '), hostVethOf(reply.result)] : [failureOf(reply)];
    const isGood = reply.ok && addresses.length === SUBNETS.length;
    report.step(attachment.name, isGood, [duration(reply.ms), ...told], { ms: reply.ms, addresses });
    added.push({ ...attachment, prevResult: reply.result });
  }
  return added;
}

function showDrawing(report, world) {
  const topology = readTopology(world);
  report.note('topology', topology);
  report.show(['', ...drawTopology(topology)]);
}

async function showChecks(report, call, attachments) {
  report.section('CHECK', ATTACHMENT);
  for (const attachment of attachments) {
    const reply = await call('CHECK', attachment);
    const told = reply.ok ? 'all that ADD made is as it was' : failureOf(reply);
    report.step(attachment.name, reply.ok, [duration(reply.ms), told], { ms: reply.ms });
  }
}

async function showDels(report, call, attachments) {
  report.section('DEL', ATTACHMENT);
  for (const attachment of attachments) {
    const reply = await call('DEL', attachment);
    report.step(attachment.name, reply.ok, [duration(reply.ms), reply.ok ? '' : failureOf(reply)], { ms: reply.ms });
  }
}

/** What a reader would type to do the same. */
function exampleCall({ containerId, netns }) {
  const netnsHint = `/run/netns/…-${netns.split('-').at(-1)}`;
  return `CNI_COMMAND=ADD CNI_CONTAINERID=${containerId} CNI_NETNS=${netnsHint} CNI_IFNAME=eth0 … trestle < demo.json`;
}

function hostVethOf({ interfaces = [] }) {
  const veth = interfaces[1]?.name;
  return veth ? paint('dim', `through ${veth}`) : '';
}
