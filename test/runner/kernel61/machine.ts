/** A virtual machine: emulated, with the host's root directory read-only and one directory for exchange. */

import { runTool, type ToolRun } from '../tool.ts';
import type { Image } from './image.ts';

const MEMORY_MIB = 2048;
/** What hardens a kernel, and a fifth level of page tables, cost about a third of the time where all is emulated. */
const FAST = 'mitigations=off nopti init_on_alloc=0 apparmor=0 audit=0 no5lvl';

/**
 * One processor each: emulating two in one machine, with their locks and their interrupts for each other, takes twice the
 * time for the same work (54 s of two cores instead of 26 for two files).
 */
const PROCESSOR = ['-cpu', 'max', '-smp', '1', '-m', String(MEMORY_MIB), '-accel', 'tcg'];

/** Boots and runs `run`, a shell script in `exchange`; ends when that does. The output is the console's. */
export function runMachine(image: Image, exchange: string, deadlineMs: number): Promise<ToolRun> {
  return runTool(commandLine(image, exchange), process.env, deadlineMs);
}

function commandLine(image: Image, exchange: string): string[] {
  const kernel = ['-kernel', image.kernel, '-initrd', image.initramfs];
  const append = ['-append', `console=ttyS0 quiet panic=-1 ${FAST}`];
  const devices = ['-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot'];
  const shares = [...share('machine', '/', ',readonly=on'), ...share('exchange', exchange, '')];
  return ['qemu-system-x86_64', ...PROCESSOR, ...devices, ...kernel, ...append, ...shares];
}

/** A directory of this machine over 9p, with the owners and modes that it has. QEMU reads two commas as one. */
function share(tag: string, path: string, more: string): string[] {
  const escaped = path.replaceAll(',', ',,');
  return ['-virtfs', `local,mount_tag=${tag},path=${escaped},security_model=none,multidevs=remap${more}`];
}
