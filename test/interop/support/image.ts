/** A container image without a registry: static busybox that serves a page on port 80, as an archive in the OCI layout. */

import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exec, type Netns } from '../../support/netns.ts';
import { run, tool } from '../../support/process.ts';
import type { Machine } from './machine.ts';

export const IMAGE = 'localhost/web:1';

/** What its server answers. */
export const GREETING = 'hello from a container';

const SERVE = ['httpd', '-f', '-p', '80', '-h', '/www'];
const ARCHIVE = 'web.tar';
const APPLETS = ['sh', 'httpd', 'wget', 'ping', 'sleep', 'ip', 'cat', 'grep'];
const OCI = 'application/vnd.oci.image';

/** The archive's path; it is made when it is first asked for, with `command` as what its containers run. */
export function imageArchive({ node }: Machine, command: readonly string[] = SERVE): string {
  const directory = join(node.directory, 'image');
  const isNew = mkdirSync(directory, { recursive: true }) !== undefined;
  return isNew ? makeImage(directory, command) : join(directory, ARCHIVE);
}

/**
 * What the web server of a container says. It may still be starting: a few tries, 100 ms apart. (With a time-out of its own,
 * `wget -T`, Debian's static busybox crashes.)
 */
export function fetchPage(from: Netns, host: string | undefined, tries = 50): string {
  const script =
    'for try in $(seq "$2"); do timeout 3 busybox wget -q -O - "http://$1/" && exit; sleep 0.1; done; exit 1';
  return exec(from, ['sh', '-c', script, 'sh', host ?? 'nobody', String(tries)]);
}

function makeImage(directory: string, command: readonly string[]): string {
  const layout = join(directory, 'layout');
  const layer = makeLayer(join(directory, 'files'), join(directory, 'layer.tar'));
  const blob = (mediaType: string, content: Buffer) => writeBlob(layout, mediaType, content);
  const config = blob(`${OCI}.config.v1+json`, json(configuration(digest(layer), command)));
  const layers = [blob(`${OCI}.layer.v1.tar`, layer)];
  const manifest = blob(`${OCI}.manifest.v1+json`, json({ schemaVersion: 2, config, layers }));
  const annotations = { 'io.containerd.image.name': IMAGE, 'org.opencontainers.image.ref.name': IMAGE };
  writeFileSync(join(layout, 'index.json'), json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }));
  writeFileSync(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
  const archive = join(directory, ARCHIVE);
  run(['tar', '-C', layout, '-cf', archive, '.']);
  return archive;
}

function makeLayer(files: string, archive: string): Buffer {
  for (const path of ['bin', 'etc', 'www', 'tmp']) mkdirSync(join(files, path), { recursive: true });
  copyFileSync(tool('busybox'), join(files, 'bin/busybox'));
  for (const applet of APPLETS) symlinkSync('busybox', join(files, 'bin', applet));
  writeFileSync(join(files, 'www/index.html'), `${GREETING}\n`);
  writeFileSync(join(files, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
  run(['tar', '-C', files, '--owner=0', '--group=0', '-cf', archive, '.']);
  return readFileSync(archive);
}

function configuration(diffId: string, command: readonly string[]): object {
  const config = { Env: ['PATH=/bin'], Cmd: command, WorkingDir: '/' };
  return { architecture: 'amd64', os: 'linux', config, rootfs: { type: 'layers', diff_ids: [diffId] } };
}

function writeBlob(layout: string, mediaType: string, content: Buffer) {
  const name = digest(content);
  const directory = join(layout, 'blobs/sha256');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, name.slice('sha256:'.length)), content);
  return { mediaType, digest: name, size: content.length };
}

function digest(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
