/** The main plugin's commands. */

import type { Environment } from '../../cni/environment.ts';
import { encodeResult, mergeResult } from '../../cni/result.ts';
import type { Input } from '../../cni/stdio.ts';
import type { Journal } from '../../log.ts';
import { add } from './add.ts';
import { check } from './check.ts';
import { del } from './del.ts';
import { gc } from './gc.ts';
import { readMainRequest } from './request.ts';
import { status } from './status.ts';

/** @returns the JSON to print: the result of ADD, nothing for the others */
export function runBridgeCommand(environment: Environment, input: Input, journal: Journal): object | undefined {
  const request = readMainRequest(environment, input, journal.log);
  switch (request.command) {
    case 'ADD':
      return encodeResult(mergeResult(request.previous, add(request, journal)), request.cniVersion);
    case 'DEL':
      return void del(request, journal);
    case 'CHECK':
      return void check(request, journal);
    case 'GC':
      return void gc(request, journal);
    case 'STATUS':
      return void status(request, journal);
    case 'VERSION':
      return undefined;
  }
}
