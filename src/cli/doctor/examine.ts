/** The examination: each section in turn, so that one which fails does not hide the others. */

import { Fault, isOutOfMemory, reasonOf } from '../../fault.ts';
import type { Examination, Finding, Report, Section } from './examination.ts';

export interface Examined extends Report {
  readonly section: Section;
}

/** Findings behind which nothing else can be examined: what the kernel refuses would look like faults of the node. */
const ENDING = ['not-root', 'capability-missing'];

/** Examines section by section. It ends behind a section that says that this process may not look. */
export function examineAll(sections: readonly Section[], examination: Examination): Examined[] {
  const examined: Examined[] = [];
  for (const section of sections) {
    const report = examineOne(section, examination);
    examined.push({ section, ...report });
    if (report.findings.some(({ level, code }) => level === 'error' && ENDING.includes(code))) break;
  }
  return examined;
}

function examineOne(section: Section, examination: Examination): Report {
  try {
    return section.examine(examination);
  } catch (error) {
    if (isOutOfMemory(error)) throw error;
    return { summary: '', findings: [failed(section, error)] };
  }
}

function failed({ name }: Section, error: unknown): Finding {
  const details = error instanceof Fault ? error.details : undefined;
  return {
    level: 'error',
    code: 'section-failed',
    subject: `section ${name}`,
    what: 'the examination of this section failed, so its findings are not known',
    evidence: details === undefined ? reasonOf(error) : `${reasonOf(error)}. ${details}`,
    fix: `trestle doctor --section ${name}`,
    isSafe: false,
  };
}
