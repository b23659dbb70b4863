import { expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { parseResolvConf, readResolvConf } from '../../../src/ipam/resolv-conf.ts';
import { faultOf, scratch } from './support.ts';

const TEXT = `
# a comment
; another
nameserver 192.0.2.1
  nameserver\t2001:db8::1  trailing words
domain first.example
domain last.example
search a.example b.example
search c.example
options ndots:5 edns0
options
sortlist 192.0.2.0
nameserver
`;

test('every keyword that means something is read, as host-local reads it', () => {
  expect(parseResolvConf(TEXT)).toEqual({
    nameservers: ['192.0.2.1', '2001:db8::1'],
    domain: 'last.example',
    search: ['a.example', 'b.example', 'c.example'],
    options: ['ndots:5', 'edns0'],
  });
});

test('an empty file says nothing', () => {
  expect(parseResolvConf('')).toEqual({});
  expect(parseResolvConf('# nameserver 192.0.2.1')).toEqual({});
});

test('the file is read; one that is missing or no file is said so', () => {
  const directory = scratch();
  writeFileSync(`${directory}/resolv.conf`, 'nameserver 192.0.2.9\n');
  expect(readResolvConf(`${directory}/resolv.conf`)).toEqual({ nameservers: ['192.0.2.9'] });
  expect(faultOf(() => readResolvConf(`${directory}/none`)).message).toContain(`${directory}/none: no such file`);
  expect(faultOf(() => readResolvConf(directory)).message).toContain('it is a directory');
});
