import { expect, test } from 'bun:test';
import { mkdirSync } from 'node:fs';
import { joinCompany } from '../../../src/ipam/company.ts';
import { scratch } from './support.ts';

test('of several calls, the last is alone', () => {
  const dataDir = scratch();
  mkdirSync(`${dataDir}/.trestle`, { recursive: true });
  const [first, second] = [joinCompany(dataDir), joinCompany(dataDir)];
  expect(first.isAlone()).toBe(false);
  first.leave();
  expect(second.isAlone()).toBe(true);
  second.leave();
});

test('a call on another data directory is no company, and neither is one without a directory', () => {
  const dataDir = scratch();
  mkdirSync(`${dataDir}/.trestle`, { recursive: true });
  const [here, elsewhere] = [joinCompany(dataDir), joinCompany(`${dataDir}/other`)];
  expect([here.isAlone(), elsewhere.isAlone()]).toEqual([true, true]);
  here.leave();
  elsewhere.leave();
});
