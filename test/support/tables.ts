/** Tables of a document in Markdown. */

export interface Table {
  /** The heading above it. */
  readonly heading: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function tablesOf(markdown: string): Table[] {
  const tables: { heading: string; columns: string[]; rows: string[][] }[] = [];
  let heading = '';
  let inTable = false;
  for (const line of markdown.split('\n')) {
    if (line.startsWith('#')) heading = line.replace(/^#+ */, '');
    const cells = line.startsWith('|')
      ? line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim())
      : undefined;
    if (cells === undefined) inTable = false;
    else if (!inTable) tables.push({ heading, columns: cells, rows: [] });
    else if (!cells.every((cell) => /^:?-+:?$/.test(cell))) tables.at(-1)?.rows.push(cells);
    inTable = cells !== undefined;
  }
  return tables;
}

/** What stands between backticks in a cell that holds nothing else. @throws Error for another cell */
export function codeOf(cell: string): string {
  const code = /^`([^`]+)`$/.exec(cell)?.[1];
  if (code === undefined) throw new Error(`${JSON.stringify(cell)} should be in backticks`);
  return code;
}
