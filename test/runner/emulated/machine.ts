/** A virtual machine: emulated, with three directories of this one: its root and the project read-only, and one for exchange. */

import { ROOT, runTool, type ToolRun } from '../tool.ts';
import type { Image } from './image.ts';

export interface Hardware {
  readonly emulator: string;
  readonly options: readonly string[];
  readonly console: string;
}

export interface Machine {
  readonly hardware: Hardware;
  readonly image: Image;
  /** What becomes its root directory. */
  readonly root: string;
}

/** arm64's own way to authenticate pointers takes long to emulate, so the processor has QEMU's way (`pauth-impdef`). */
export const HARDWARE: Readonly<Record<'x64' | 'arm64', Hardware>> = {
  x64: { emulator: 'qemu-system-x86_64', options: ['-cpu', 'max'], console: 'ttyS0' },
  arm64: {
    emulator: 'qemu-system-aarch64',
    options: ['-M', 'virt,gic-version=3', '-cpu', 'max,pauth-impdef=on'],
    console: 'ttyAMA0',
  },
};

const MEMORY_MIB = 2048;
/** What hardens a kernel, and a fifth level of page tables, cost about a third of the time where all is emulated. */
const FAST = 'mitigations=off nopti init_on_alloc=0 apparmor=0 audit=0 no5lvl';

/**
 * One processor each: emulating two in one machine, with their locks and their interrupts for each other, takes twice the
 * time for the same work (54 s of two cores instead of 26 for two files).
 */
const PROCESSOR = ['-smp', '1', '-m', String(MEMORY_MIB), '-accel', 'tcg'];

/** Boots and runs `run`, a shell script in `exchange`; ends when that does. The output is the console's. */
export function runMachine(machine: Machine, exchange: string, deadlineMs: number): Promise<ToolRun> {
  return runTool(commandLine(machine, exchange), process.env, deadlineMs);
}

function commandLine({ hardware, image, root }: Machine, exchange: string): string[] {
  const kernel = ['-kernel', image.kernel, '-initrd', image.initramfs];
  const append = ['-append', `console=${hardware.console} quiet panic=-1 ${FAST}`];
  const devices = ['-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot'];
  const shares = [
    ...share('machine', root, ',readonly=on'),
    ...share('project', ROOT, ',readonly=on'),
    ...share('exchange', exchange, ''),
  ];
  return [hardware.emulator, ...hardware.options, ...PROCESSOR, ...devices, ...kernel, ...append, ...shares];
}

/** A directory of this machine over 9p, with the owners and modes that it has. QEMU reads two commas as one. */
function share(tag: string, path: string, more: string): string[] {
  const escaped = path.replaceAll(',', ',,');
  return ['-virtfs', `local,mount_tag=${tag},path=${escaped},security_model=none,multidevs=remap${more}`];
}
