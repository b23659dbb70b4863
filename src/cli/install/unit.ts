/** The systemd unit of `trestle watch`, which the build puts in from deploy/systemd/trestle-watch.service. */

declare const TRESTLE_UNIT: string | undefined;

/** Where the unit looks for the executable, as deploy/ has it. */
const USUAL_BIN_DIR = '/opt/cni/bin';

export const UNIT_NAME = 'trestle-watch.service';

/** The unit's text, for an executable in that directory. */
export function unitText(binDir: string): string {
  const text = typeof TRESTLE_UNIT === 'undefined' ? '' : TRESTLE_UNIT;
  return text.replaceAll(`${USUAL_BIN_DIR}/trestle`, `${binDir}/trestle`);
}
