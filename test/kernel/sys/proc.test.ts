import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { setSysctl as assign, ensureSysctl, preferSysctl, readSysctl } from '../../../src/resources/sysctl.ts';
import { type Proc, SHARED_PROC, withPrivateProc } from '../../../src/sys/proc.ts';
import { faultOf } from '../../support/fault.ts';
import { setSysctl, sysctl } from '../../support/kernel.ts';
import { createNetns } from '../../support/netns.ts';
import { openedSince, openFiles } from '../../support/open-files.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { inside } from '../support/inside.ts';

const NAME = 'ipv6/conf/lo/accept_ra';

const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8');

describeOnKernel('a proc of its own', () => {
  test('has the parameters of the namespace that the thread is in', () => {
    using ns = createNetns();
    using other = createNetns();
    for (const both of [ns, other]) setSysctl(both, `net/${NAME}`, 1);
    const read = inside(ns, () => withPrivateProc((proc) => [ensureSysctl(NAME, '0', proc), readSysctl(NAME, proc)]));
    expect(read).toEqual([true, '0']);
    expect([sysctl(ns, `net/${NAME}`), sysctl(other, `net/${NAME}`)]).toEqual(['0', '1']);
  });

  test.each([
    ['set', assign],
    ['preferred', preferSysctl],
  ])('takes what is %s', (_, act) => {
    using ns = createNetns();
    setSysctl(ns, `net/${NAME}`, 1);
    inside(ns, () => withPrivateProc((proc) => act(NAME, '0', proc)));
    expect(sysctl(ns, `net/${NAME}`)).toBe('0');
  });

  test('is mounted nowhere, and gone afterwards, also after a failure', () => {
    const [before, files] = [mounts(), openFiles()];
    const seen: Proc[] = [];
    withPrivateProc((proc) => {
      seen.push(proc);
      expect(mounts()).toBe(before);
    });
    const error = new Error('broken');
    expect(() =>
      withPrivateProc(() => {
        throw error;
      }),
    ).toThrow(error);
    expect(seen[0]).not.toEqual(SHARED_PROC);
    expect(openedSince(files)).toEqual([]);
  });

  test('names a parameter as everybody does when it cannot be set', () => {
    using ns = createNetns();
    const fault = inside(ns, () =>
      faultOf(() => withPrivateProc((proc) => assign('ipv4/ip_forward', 'rubbish', proc))),
    );
    expect(fault.message).toStartWith('cannot set /proc/sys/net/ipv4/ip_forward to rubbish: ');
  });
});
