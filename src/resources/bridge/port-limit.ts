/** How many ports a bridge may have. */

import { Fault } from '../../fault.ts';
import type { Connection } from '../../netlink/connection.ts';
import type { Link } from '../../netlink/route/link.ts';
import { findLinks } from '../links.ts';

/** BR_MAX_PORTS in the kernel's net/bridge/br_private.h is 1024, and no port has the number 0. */
const MOST = 1023;
/** From here on STATUS warns. */
const MANY = Math.ceil(MOST * 0.9);

const DETAILS = 'Give the network another "bridge", or see to it that containers that are gone are deleted (DEL, GC).';

/** What the kernel means when it refuses another port with EXFULL. */
export function bridgeFull({ name }: Pick<Link, 'name'>, cause?: unknown): Fault {
  return full('exhausted', name, cause);
}

/** Lists the ports. @returns a Fault `limited` for a bridge that is full, or will be soon. @throws KernelError */
export function portShortage(connection: Connection, { name, index }: Link): Fault | undefined {
  const count = findLinks(connection, index).length;
  if (count >= MOST) return full('limited', name);
  if (count < MANY) return undefined;
  return new Fault('limited', `the bridge ${name} has ${count} ports, and the kernel allows ${MOST}`, {
    details: DETAILS,
  });
}

function full(kind: 'exhausted' | 'limited', name: string, cause?: unknown): Fault {
  const reason = `it has ${MOST} ports, the most that the kernel allows (BR_MAX_PORTS)`;
  return new Fault(kind, `cannot use the bridge ${name}: ${reason}`, { cause, details: DETAILS });
}
