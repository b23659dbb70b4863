/** The main plugin's commands. */

import type { Log } from '../log.ts';
import { add } from './add.ts';
import { check } from './check.ts';
import { del } from './del.ts';
import type { Environment } from './environment.ts';
import { gc } from './gc.ts';
import { type Input, readMainRequest } from './request.ts';
import { encodeResult } from './result.ts';
import { status } from './status.ts';

/** @returns the JSON to print: the result of ADD, nothing for the others */
export function runMainCommand(environment: Environment, input: Input, log: Log): object | undefined {
  const request = readMainRequest(environment, input, log);
  switch (request.command) {
    case 'ADD':
      return encodeResult(add(request, log), request.cniVersion);
    case 'DEL':
      return void del(request, log);
    case 'CHECK':
      return void check(request, log);
    case 'GC':
      return void gc(request, log);
    case 'STATUS':
      return void status(request, log);
    case 'VERSION':
      return undefined;
  }
}
