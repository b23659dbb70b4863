/** The strings of a source text, without its comments. What is put into a template counts as "…". */

export interface Literal {
  /** Where its opening quote stands. */
  readonly index: number;
  readonly text: string;
}

export function literalsOf(source: string): Literal[] {
  const found: Literal[] = [];
  for (let at = 0; at < source.length; ) {
    if (source.startsWith('//', at)) at = endOf(source, '\n', at);
    else if (source.startsWith('/*', at)) at = endOf(source, '*/', at);
    else if (source[at] === '/' && isRegExp(source, at)) at = afterRegExp(source, at);
    else if (`'"\``.includes(source[at] as string)) {
      const { end, text } = literalAt(source, at);
      found.push({ index: at, text });
      at = end;
    } else at++;
  }
  return found;
}

function endOf(source: string, mark: string, from: number): number {
  const at = source.indexOf(mark, from + 1);
  return at < 0 ? source.length : at + mark.length;
}

/** A slash begins a regular expression where no value stands before it. */
function isRegExp(source: string, at: number): boolean {
  return /[(,=:[!&|?{};]\s*$|\b(?:return|case)\s+$/.test(source.slice(Math.max(0, at - 20), at));
}

function afterRegExp(source: string, start: number): number {
  let inClass = false;
  for (let at = start + 1; at < source.length; at++) {
    const one = source[at];
    if (one === '\\') at++;
    else if (one === '[') inClass = true;
    else if (one === ']') inClass = false;
    else if (one === '/' && !inClass) return at + 1;
  }
  return source.length;
}

function literalAt(source: string, start: number): { end: number; text: string } {
  const quote = source[start];
  let text = '';
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] === quote) return { end: at + 1, text };
    if (quote === '`' && source.startsWith('${', at)) {
      text += '…';
      at = endOfExpression(source, at + 2);
    } else if (source[at] === '\\') text += source[++at];
    else text += source[at];
  }
  throw new Error(`a string has no end: ${source.slice(start, start + 40)}`);
}

/** Where the brace is that closes what is put into a template, past whatever strings and braces stand in it. */
function endOfExpression(source: string, start: number): number {
  for (let at = start, depth = 0; at < source.length; at++) {
    const one = source[at] as string;
    if (`'"\``.includes(one)) at = literalAt(source, at).end - 1;
    else if (one === '{') depth++;
    else if (one === '}' && depth-- === 0) return at;
  }
  throw new Error(`a template has no end: ${source.slice(start, start + 40)}`);
}
