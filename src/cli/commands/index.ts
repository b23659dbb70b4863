/** The commands by name, in the order in which help shows them; help, completion and the manual page are made from them. */

import { buildRouteMap } from '@stricli/core';
import { completion } from './completion.ts';
import { configCheck } from './config-check.ts';
import { configNew } from './config-new.ts';
import { doctor } from './doctor.ts';
import { gc } from './gc.ts';
import { graph } from './graph.ts';
import { install } from './install.ts';
import { list } from './list.ts';
import { reconcile } from './reconcile.ts';
import { show } from './show.ts';
import { trace } from './trace.ts';
import { uninstall } from './uninstall.ts';
import { watch } from './watch.ts';

const config = buildRouteMap({
  routes: { new: configNew, check: configCheck },
  docs: { brief: 'Make and check network configurations' },
});

export const COMMANDS = {
  list,
  show,
  graph,
  doctor,
  trace,
  gc,
  reconcile,
  watch,
  install,
  uninstall,
  config,
  completion,
};
