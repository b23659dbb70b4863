/** One case for the IPAM plugins alone, which are called as a main plugin would: no namespace is looked at. */

import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../../e2e/support/network.ts';
import { type Artifact, ipamArtifact, reference } from '../../../support/artifacts.ts';
import { type CniResult, type Command, cniAsync, type Outcome } from '../../../support/cni.ts';
import { goProgram } from '../../../support/go-programs.ts';
import type { Netns } from '../../../support/netns.ts';
import { scratchDirectory } from '../../../support/scratch.ts';
import { type Case, configOf } from './case.ts';
import { leasesIn, writeFiles } from './files.ts';
import type { Json, JsonObject } from './json.ts';
import { createNames } from './neutral.ts';
import { answerOf } from './run.ts';

export const theirIpam: Artifact = { ...reference('host-local'), path: goProgram('plugins', 'host-local') };
export const ourIpam: Artifact = ipamArtifact;

interface Attached {
  readonly id: string;
  readonly netnsPath: string;
  readonly extra: Config;
  result?: CniResult | undefined;
}

let root: string | undefined;

/** ADD for each container, then CHECK, then DEL, with what lies in the data directory after ADD and DEL. */
export async function observeIpam(ns: Netns, artifact: Artifact, subject: Case): Promise<JsonObject> {
  root ??= scratchDirectory();
  const directory = mkdtempSync(join(root, 'ipam-'));
  const dataDir = join(directory, 'networks');
  writeFiles(directory, subject.files);
  const containers = (subject.containers ?? [{}]).map(
    (extra, at): Attached => ({ id: `container${at}`, netnsPath: '/run/netns/none', extra }),
  );
  const each = async (command: Command, use: (outcome: Outcome, container: Attached) => Json) => {
    const answers: Json[] = [];
    for (const container of containers) {
      const prevResult = command === 'ADD' || container.result === undefined ? {} : { prevResult: container.result };
      const config = configOf(subject, directory, { ...container.extra, ...prevResult });
      const outcome = await cniAsync({ ns }, { artifact, command, container, config, ...subject.call });
      answers.push(use(outcome, container));
    }
    return answers;
  };
  const add = await each('ADD', (outcome, container) => {
    container.result = outcome.result;
    return answerOf(outcome);
  });
  if (containers.every(({ result }) => result === undefined)) return { ADD: add };
  const afterAdd = leasesIn(dataDir);
  const status = ({ status }: Outcome) => status;
  const check = await each('CHECK', status);
  const del = await each('DEL', status);
  const names = createNames(JSON.stringify(subject.config));
  names.learn(directory, '<directory>');
  return names.neutral({ ADD: add, 'after ADD': afterAdd, CHECK: check, DEL: del, 'after DEL': leasesIn(dataDir) });
}
