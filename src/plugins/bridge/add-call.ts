/** What the steps of one ADD share. */

import type { IpamPlan } from '../../ipam/index.ts';
import type { Journal } from '../../log.ts';
import type { ContainerKernel, NodeKernel } from '../../resources/node.ts';
import type { Undo } from '../../resources/undo.ts';
import type { MainRequest } from './request.ts';
import type { Settings } from './settings.ts';

export interface AddCall extends Journal {
  readonly request: MainRequest;
  readonly settings: Settings;
  readonly plan: IpamPlan | undefined;
  readonly node: NodeKernel;
  readonly container: ContainerKernel;
  readonly undo: Undo;
}
