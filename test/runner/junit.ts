/** The part of a JUnit report that Bun writes and we need. */

export interface TestCase {
  readonly file: string;
  /** With the groups it is in: `outer > inner > name`. */
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'skipped';
}

/** All test cases of a report; none where there is no report. */
export function parseJunit(xml: string): TestCase[] {
  const element = /<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;
  return [...xml.matchAll(element)].map(([, attributes = '', body = '']) => {
    const groups = attribute(attributes, 'classname').split(' > ').reverse();
    const name = [...groups, attribute(attributes, 'name')].filter((part) => part !== '').join(' > ');
    return { file: attribute(attributes, 'file'), name, state: stateOf(body) };
  });
}

function stateOf(body: string): TestCase['state'] {
  if (/<(failure|error)\b/.test(body)) return 'failed';
  return body.includes('<skipped') ? 'skipped' : 'passed';
}

function attribute(attributes: string, name: string): string {
  const found = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes);
  return unescapeXml(found?.[1] ?? '');
}

function unescapeXml(text: string): string {
  const named: Record<string, string> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
  return text.replace(/&(?:#(\d+)|(\w+));/g, (whole, code, name) =>
    code === undefined ? (named[name] ?? whole) : String.fromCodePoint(Number(code)),
  );
}
