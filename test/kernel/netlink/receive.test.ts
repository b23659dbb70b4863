/** What receiving does when the kernel is silent, signals come, or an answer is larger than there is room for. */

import { dlopen } from 'bun:ffi';
import { expect, test } from 'bun:test';
import { connect, execute } from '../../../src/netlink/connection.ts';
import { getLink } from '../../../src/netlink/route/link.ts';
import { openSocket } from '../../../src/netlink/socket.ts';
import { closeFile } from '../../../src/sys/file.ts';
import { libc, SCRATCH_BYTES } from '../../../src/sys/libc.ts';
import { thrownBy } from '../../support/fault.ts';
import { createNetns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { inside } from '../support/inside.ts';

/** Waits for an answer to nothing, while another process sends us so many signals. @returns what came of it */
async function receiveUnder(signals: number, everySeconds: number) {
  using ns = createNetns();
  let caught = 0;
  const count = () => {
    caught++;
  };
  process.on('SIGUSR2', count);
  const script = `for n in $(seq ${signals}); do sleep ${everySeconds}; kill -USR2 ${process.pid} || exit; done`;
  const sender = Bun.spawn(['/bin/sh', '-c', script]);
  const started = performance.now();
  const error = inside(ns, () => {
    const socket = openSocket('route');
    try {
      return thrownBy(() => socket.receive()) as { code?: string };
    } finally {
      socket.close();
    }
  });
  const ms = performance.now() - started;
  await sender.exited;
  for (let tries = 0; caught === 0 && tries < 100; tries++) await Bun.sleep(10);
  process.off('SIGUSR2', count);
  return { ms, caught, code: error.code };
}

describeOnKernel('receiving', () => {
  test('is given up when no answer comes for 10 s; a signal does not end it', async () => {
    const { ms, caught, code } = await receiveUnder(2, 0.2);
    expect(code).toBe('EAGAIN');
    expect(caught).toBeGreaterThan(0);
    expect(ms).toBeWithin(10_100, 40_000);
  });

  test('is given up when signals do not let it be', async () => {
    const { ms, caught, code } = await receiveUnder(40, 0.05);
    expect(code).toBe('EINTR');
    expect(caught).toBeGreaterThan(0);
    expect(ms).toBeLessThan(9_000);
  });

  test('fails for an answer that there is no room for, rather than take a part for the whole', () => {
    using ns = createNetns();
    inside(ns, () => {
      const socket = openSocket('route');
      try {
        execute(connect(socket), getLink('lo'));
        sendToUs(SCRATCH_BYTES);
        expect(socket.receive()).toHaveLength(SCRATCH_BYTES);
        sendToUs(SCRATCH_BYTES + 4);
        expect(() => socket.receive()).toThrow(`a netlink answer of ${SCRATCH_BYTES + 4} bytes is larger`);
        execute(connect(socket), getLink('lo'));
      } finally {
        socket.close();
      }
    });
  });
});

/**
 * Sends one datagram of so many bytes to the first socket that was opened in this namespace: its address is our process ID
 * (netlink(7)). The kernel itself sends none as long.
 */
function sendToUs(length: number): void {
  const { symbols, close } = dlopen('libc.so.6', {
    sendto: { args: ['i32', 'ptr', 'u64', 'i32', 'ptr', 'u32'], returns: 'i64' },
  });
  const fd = libc('socket', 16, 3, 0); // AF_NETLINK, SOCK_RAW, NETLINK_ROUTE
  const address = new Uint8Array(12); // struct sockaddr_nl: family, padding, port, groups
  new DataView(address.buffer).setUint16(0, 16, true);
  new DataView(address.buffer).setUint32(4, process.pid, true);
  try {
    expect(Number(symbols.sendto(fd, new Uint8Array(length), length, 0, address, address.length))).toBe(length);
  } finally {
    closeFile(fd);
    close();
  }
}
