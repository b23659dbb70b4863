// The last experiment: two things are broken on purpose, and the operator's commands find and mend them.

import { spawnSync } from 'node:child_process';
import { ipBatch, netnsPath, runIn } from '../tools/netns.mjs';
import { paint } from '../tools/screen.mjs';
import { INTERNET, plugin } from './network.mjs';
import { trestle } from './operator.mjs';
import { hostsOf, PING_WIDTHS, showPing } from './traffic.mjs';

/** Another program's rule, which drops what the containers send to the internet host. */
const RULES = `add table inet site
add chain inet site egress { type filter hook forward priority 10; }
add rule inet site egress ip daddr ${INTERNET[0]} icmp type echo-request drop comment "no pings"`;

/** `place` has the directories of the demo, `added` the attachments. */
export async function showFaults(report, world, place, added) {
  const [web, api] = hostsOf(world);
  report.section('5. A port off the bridge: doctor finds it, reconcile mends it', PING_WIDTHS);
  const hostVeth = added[0].prevResult.interfaces[1].name;
  showCommand(report, `ip link set ${hostVeth} nomaster`);
  ipBatch(world.node, `link set ${hostVeth} nomaster\n`);
  await showPing(report, web, api, false);
  showDoctor(report, world.node, place);
  showRun(report, world.node, place, 'reconcile');
  await showPing(report, web, api);

  report.section("6. Somebody's firewall rule: trace names it", PING_WIDTHS);
  showCommand(report, RULES.split('\n').at(-1).replace('add rule', 'nft add rule'));
  runIn(world.node, 'nft', RULES);
  showTrace(report, world, place, api);
}

/** What doctor finds, with its evidence and the command line that mends it. */
function showDoctor(report, node, place) {
  showCommand(report, 'trestle doctor');
  const { stdout } = trestle(node, place, 'doctor', '--json', '--section', 'links');
  const { findings } = JSON.parse(stdout);
  for (const { code, subject, what, evidence, fix } of findings) {
    report.step(code, code === 'port-not-on-bridge', [`${subject}: ${what}`], { findings });
    report.show([
      paint('dim', `      ${evidence}`),
      `      ${paint('cyan', fix.replace(/ --(data|conf)-dir \S+/g, ''))}`,
    ]);
  }
}

function showRun(report, node, place, command) {
  const { status, stdout } = trestle(node, place, command);
  showCommand(report, `trestle ${command}`);
  report.show(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => `    ${line}`),
  );
  report.step(command, status === 0, [], { status });
}

/** The trace, then the command that it advises, then the trace again. */
function showTrace(report, world, place, from) {
  const once = () => {
    const { status, stdout } = trestle(world.node, place, 'trace', from.addresses[0], INTERNET[0]);
    showCommand(report, `trestle trace ${from.name} ${INTERNET[0]}`);
    report.show(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => `    ${line}`),
    );
    return { status, advice: /^To do: (.*)$/m.exec(stdout)?.[1] };
  };
  const { status, advice } = once();
  report.step('the rule', status === 1 && advice !== undefined, ['named, with the command that removes it'], {
    advice,
  });
  showCommand(report, advice);
  spawnSync('nsenter', [`--net=${netnsPath(world.node)}`, 'sh', '-c', advice]);
  report.step('mended', once().status === 0, [], { with: plugin().file });
}

function showCommand(report, line) {
  report.show([paint('dim', `    ${line}`)]);
}
