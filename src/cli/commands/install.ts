/** `trestle install`: puts the plugin, a configuration and a systemd unit where a runtime finds them. */

import { type ConflistFlags, conflistFlags, conflistFlagsIn } from '../configuration/conflist.ts';
import { type Context, defineCommand, FINDINGS, HEALTHY } from '../context.ts';
import { type JsonFlag, jsonFlag, text } from '../flags.ts';
import { verifyExecutable } from '../install/executable.ts';
import { directoryFlag, dryRunFlag, placeFlags, type StepFlags } from '../install/flags.ts';
import { readManifest } from '../install/manifest.ts';
import { type InstallOptions, planInstall } from '../install/plan.ts';
import { carryOut, showStep, stepJson } from '../install/step.ts';
import { type Verified, verifyInstalled } from '../install/verification.ts';
import { writeJson } from '../output/json.ts';
import { styleFor } from '../output/style.ts';

interface Flags extends JsonFlag, StepFlags, ConflistFlags {
  readonly binDir: string;
  readonly confFile: string;
  readonly keepConfig?: boolean;
  readonly referenceNames?: boolean;
  readonly systemd?: boolean;
  readonly unitDir: string;
}

const DEFAULT_BIN_DIR = '/opt/cni/bin';
const DEFAULT_CONF_FILE = '10-trestle.conflist';
const DEFAULT_UNIT_DIR = '/etc/systemd/system';

export const install = defineCommand<Flags>({
  brief: 'Install or upgrade the plugin on this node',
  description:
    'Copies the running executable and its links into the directory of plugins, and writes a network configuration, unless there is one that names trestle. An upgrade puts each file in place at once, so that containers may start meanwhile. Files that "trestle install" did not write are left alone; with --force they are kept as NAME.before-trestle. Afterwards it runs the installed executable as a runtime would. The exit status is 1 where a runtime could not use it.',
  parameters: {
    flags: {
      ...jsonFlag,
      ...dryRunFlag,
      force: {
        kind: 'boolean',
        optional: true,
        withNegated: false,
        brief: 'Replace files of others, which are kept as NAME.before-trestle',
      },
      binDir: directoryFlag('The directory of the plugins', DEFAULT_BIN_DIR),
      referenceNames: {
        kind: 'boolean',
        optional: true,
        withNegated: false,
        brief: 'Stand in for the reference plugins bridge and host-local, too',
      },
      ...placeFlags,
      confFile: {
        kind: 'parsed',
        parse: text,
        default: DEFAULT_CONF_FILE,
        placeholder: 'NAME.conflist',
        brief: 'The name of the configuration',
      },
      keepConfig: {
        kind: 'boolean',
        optional: true,
        withNegated: false,
        brief: 'Write no configuration',
      },
      ...conflistFlags,
      systemd: {
        kind: 'boolean',
        optional: true,
        withNegated: false,
        brief: 'Install the systemd unit trestle-watch.service',
      },
      unitDir: directoryFlag('The directory of the systemd units', DEFAULT_UNIT_DIR),
    },
  },
  run(context, flags) {
    verifyExecutable();
    const { json, dryRun = false } = flags;
    const options = optionsOf(flags);
    const steps = planInstall(options, readManifest(flags.manifest));
    carryOut(steps, dryRun, (step) => (json === true ? undefined : showStep(context.terminal, step)));
    const verified = dryRun ? [] : verifyInstalled(options, context.variables);
    if (json === true) writeJson(context.terminal, { dryRun, steps: steps.map(stepJson), checks: verified });
    else show(context, flags, verified);
    return verified.some(({ result }) => result === 'error') ? FINDINGS : HEALTHY;
  },
});

function optionsOf(flags: Flags): InstallOptions {
  const { binDir, confDir, confFile, unitDir, manifest: manifestFile } = flags;
  const { keepConfig = false, referenceNames = false, systemd = false, force = false } = flags;
  const network = conflistFlagsIn(flags);
  return { binDir, confDir, confFile, unitDir, manifestFile, network, keepConfig, referenceNames, systemd, force };
}

function show({ terminal }: Context, { dryRun, systemd }: Flags, verified: readonly Verified[]): void {
  const style = styleFor(terminal);
  if (dryRun) {
    terminal.write('\nNothing was changed (--dry-run).\n');
    return;
  }
  terminal.write('\n');
  const paint = { ok: style.green, warning: style.yellow, error: style.red } as const;
  for (const { result, text: said } of verified) terminal.write(`${paint[result](result.padEnd(7))}  ${said}\n`);
  if (systemd) terminal.write('\nNow: systemctl daemon-reload && systemctl enable --now trestle-watch.service\n');
}
