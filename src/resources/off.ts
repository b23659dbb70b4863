/** What CHECK finds. */

import { Fault } from '../fault.ts';

const REMAKE = 'Something changed it after ADD. Restarting the container (DEL and ADD) makes it anew.';

/** Something is not as ADD left it. `finding` says what was expected and what was found. */
export function off(finding: string, details = REMAKE): Fault {
  return new Fault('check', finding, { details });
}
