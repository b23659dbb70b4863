/** Colours, for a terminal only. */

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

type Paint = (text: string) => string;
export type Style = Readonly<Record<keyof typeof CODES, Paint>>;

/** Functions that colour a text, or return it as it is. */
export function styleFor({ isColoured }: { readonly isColoured: boolean }): Style {
  const paint = (code: number): Paint => (isColoured ? (text) => `\u001b[${code}m${text}\u001b[0m` : (text) => text);
  const entries = Object.entries(CODES).map(([name, code]) => [name, paint(code)]);
  return Object.fromEntries(entries) as Record<keyof typeof CODES, Paint>;
}
