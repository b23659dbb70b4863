/** Parsing a value by its shape: all of it is right, or one Fault says what is not. */

import { Fault, type FaultKind } from '../fault.ts';
import { createComplaints } from './complaints.ts';
import type { Shape } from './shape.ts';

/** Parses `input`, or throws one Fault that names every key that is off. `what` is the object: "the configuration". */
export function parseWith<T>(shape: Shape<T>, input: unknown, what: string, kind: FaultKind): T {
  const complaints = createComplaints();
  const value = shape.read(input, complaints);
  if (complaints.count() === 0) return value;
  const all = complaints.all();
  const shown = [...new Set(all)].slice(0, 5);
  const more = all.length > shown.length ? ` (and ${all.length - shown.length} more)` : '';
  throw new Fault(kind, `cannot use ${what}: ${shown.join('; ')}${more}`);
}
