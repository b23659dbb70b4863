/** Requests as the tests of this folder make them. */

import { readEnvironment, type Variables } from '../../../../src/cni/environment.ts';
import { type MainRequest, readMainRequest } from '../../../../src/plugins/bridge/request.ts';

export interface TestLog {
  readonly lines: string[];
  readonly log: (level: string, message: string) => void;
}

export const ADD: Variables = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'abc',
  CNI_NETNS: '/run/netns/x',
  CNI_IFNAME: 'eth0',
};

export function testLog(): TestLog {
  const lines: string[] = [];
  return { lines, log: (level, message) => lines.push(`${level}: ${message}`) };
}

/** The request of a configuration, which gets a name unless it has one. */
export function requestOf(config: object, variables: Variables = {}, { log } = testLog()): MainRequest {
  const json = JSON.parse(JSON.stringify({ name: 'pods', ...config })) as Record<string, unknown>;
  return readMainRequest(readEnvironment({ ...ADD, ...variables }), { text: JSON.stringify(json), json }, log);
}
