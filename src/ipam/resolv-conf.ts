/** resolv.conf(5) as the DNS part of a result, read the way host-local reads it. */

import { Fault } from '../fault.ts';
import type { Dns } from '../schema/net.ts';
import { readNamed } from './files.ts';

/** Reads a file. @throws Fault `io` where there is none or it cannot be read */
export function readResolvConf(path: string): Dns {
  const text = readNamed(path);
  if (text === undefined) {
    const details = 'ipam.resolvConf must be the path of a file in the format of /etc/resolv.conf.';
    throw new Fault('io', `cannot read ipam.resolvConf ${path}: no such file`, { details });
  }
  return parseResolvConf(text);
}

/** Reads the text: `nameserver`, `domain`, `search` and `options`. Other lines, and comments, are ignored. */
export function parseResolvConf(text: string): Dns {
  const lines = text.split('\n').map((line) => line.trim());
  const entries = lines.filter((line) => !/^[#;]/.test(line)).map((line) => line.split(/\s+/));
  const values = (keyword: string) => entries.filter(([key]) => key === keyword).map(([, ...rest]) => rest);
  const nameservers = values('nameserver').flatMap(([first]) => first ?? []);
  const domain = values('domain')
    .flatMap(([first]) => first ?? [])
    .at(-1);
  const search = values('search').flat();
  const options = values('options').flat();
  return {
    ...(nameservers.length > 0 && { nameservers }),
    ...(domain !== undefined && { domain }),
    ...(search.length > 0 && { search }),
    ...(options.length > 0 && { options }),
  };
}
