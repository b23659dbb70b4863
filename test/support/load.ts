/** Load on the lock that every change of an interface takes (rtnl), as on a node where pods come and go. */

import { SYSTEM_PATH } from './process.ts';

const MAKE_AND_DELETE = 'unshare -n ip link add a type veth peer name b';

/** Processes that make and delete network namespaces with a veth pair in them, until the end of the block. */
export function interfaceLoad(processes = 4): Disposable {
  const script = `while :; do ${MAKE_AND_DELETE}; done & cat; kill $!`; // until stdin ends, as it does with the test
  const children = Array.from({ length: processes }, () =>
    Bun.spawn(['/bin/sh', '-c', script], {
      stdin: 'pipe',
      stdout: 'ignore',
      stderr: 'ignore',
      env: { PATH: SYSTEM_PATH },
    }),
  );
  return {
    [Symbol.dispose]: () => {
      for (const child of children) void child.stdin.end();
    },
  };
}
