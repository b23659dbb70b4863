import { expect, test } from 'bun:test';
import { setSysctl as assign, ensureSysctl, preferSysctl, readSysctl } from '../../../src/resources/sysctl.ts';
import { faultOf } from '../../support/fault.ts';
import { setSysctl, sysctl } from '../../support/kernel.ts';
import { createNetns } from '../../support/netns.ts';
import { openedSince, openFiles } from '../../support/open-files.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { inside } from '../support/inside.ts';

const NAME = 'ipv4/conf/default/arp_notify';
const MISSING = 'ipv4/conf/no-such-link/arp_notify';
/** A file that not even root may write to. */
const READ_ONLY = 'ipv4/tcp_available_congestion_control';

describeOnKernel('a sysctl', () => {
  test('is set unless it has the value, in the namespace that the thread is in', () => {
    using ns = createNetns();
    using other = createNetns();
    for (const both of [ns, other]) setSysctl(both, `net/${NAME}`, 0);
    expect(inside(ns, () => [ensureSysctl(NAME, '1'), ensureSysctl(NAME, '1'), readSysctl(NAME)])).toEqual([
      true,
      false,
      '1',
    ]);
    expect([sysctl(ns, `net/${NAME}`), sysctl(other, `net/${NAME}`)]).toEqual(['1', '0']);
  });

  test('that the kernel does not have is passed over, and not made', () => {
    using ns = createNetns();
    expect(inside(ns, () => [readSysctl(MISSING), ensureSysctl(MISSING, '1'), readSysctl(MISSING)])).toEqual([
      undefined,
      false,
      undefined,
    ]);
    inside(ns, () => preferSysctl(MISSING, '1'));
  });

  test.each([
    ['may not be written', READ_ONLY, 'x', 'EACCES'],
    ['does not take the value', 'ipv4/ip_forward', 'rubbish', 'EINVAL'],
  ])('that %s says so', (_, name, value, code) => {
    using ns = createNetns();
    const fault = inside(ns, () => faultOf(() => ensureSysctl(name, value)));
    expect(fault.kind).toBe('io');
    expect(fault.message).toStartWith(`cannot set /proc/sys/net/${name} to ${value}: `);
    expect(fault.message).toContain(code);
    expect(fault.details).toContain(`net.${name.replaceAll('/', '.')} = ${value}`);
  });

  test('that is set without looking may be read-only, if it has the value', () => {
    using ns = createNetns();
    setSysctl(ns, `net/${NAME}`, 0);
    inside(ns, () => {
      assign(NAME, '1');
      assign(MISSING, '1');
      assign(READ_ONLY, readSysctl(READ_ONLY) ?? '');
      expect(faultOf(() => assign(READ_ONLY, 'x')).message).toContain('EACCES');
    });
    expect(sysctl(ns, `net/${NAME}`)).toBe('1');
  });

  test('that is but preferred may be refused', () => {
    using ns = createNetns();
    setSysctl(ns, `net/${NAME}`, 0);
    inside(ns, () => {
      preferSysctl('ipv4/ip_forward', 'rubbish');
      preferSysctl(READ_ONLY, 'x');
      preferSysctl(NAME, '1');
    });
    expect(sysctl(ns, `net/${NAME}`)).toBe('1');
  });

  test('stays open neither when it is set nor when it is refused', () => {
    using ns = createNetns();
    setSysctl(ns, `net/${NAME}`, 0);
    const before = openFiles();
    inside(ns, () => {
      ensureSysctl(NAME, '1');
      preferSysctl('ipv4/ip_forward', 'rubbish');
    });
    expect(openedSince(before)).toEqual([]);
  });

  test('that is a directory cannot be read', () => {
    using ns = createNetns();
    expect(inside(ns, () => faultOf(() => readSysctl('ipv4/conf'))).message).toContain(
      'cannot read /proc/sys/net/ipv4/conf',
    );
  });
});
