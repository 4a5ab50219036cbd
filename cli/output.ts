// How results look: aligned tables for people, JSON for programs, colours only where someone sees them.
import { stripVTControlCharacters } from 'node:util';

/** The forms that `-o` takes; each command says which it has. */
export type OutputFormat = 'table' | 'json' | 'yaml';

/** `value` as YAML; what writes it is loaded by those who ask for it. */
export async function yaml(value: unknown): Promise<string> {
  const { printYamlValue } = await import('../mesh/config/print.ts');
  return printYamlValue(value);
}

/** Paints text for a terminal, or leaves it alone. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
}

const paint = (code: number, end: number) => (text: string) => `\u001b[${code}m${text}\u001b[${end}m`;
const same = (text: string) => text;

/** Plain text. */
export const plainStyle: Style = { bold: same, dim: same, red: same, green: same, yellow: same };
const colourStyle: Style = {
  bold: paint(1, 22),
  dim: paint(2, 22),
  red: paint(31, 39),
  green: paint(32, 39),
  yellow: paint(33, 39),
};

/** Colours on a terminal unless NO_COLOR (no-color.org) is set and not empty, or TERM is `dumb`. */
export function styleFor(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): Style {
  return isTerminal && !env.NO_COLOR && env.TERM !== 'dumb' ? colourStyle : plainStyle;
}

const widthOf = (text: string) => Array.from(stripVTControlCharacters(text)).length;

/** Rows under upper-case headings, columns padded to their widest cell, three spaces apart; no trailing spaces. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  style: Style = plainStyle,
): string {
  const lines = [headings.map((heading) => style.bold(heading)), ...rows];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => widthOf(line[column] ?? ''))));
  const text = lines.map((line) =>
    line
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell))))
      .join('   ')
      .trimEnd(),
  );
  return `${text.join('\n')}\n`;
}

/** Indented JSON with a final newline. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Compact age as kubectl writes it: `45s`, `12m`, `3h20m`, `5d`; `-` when unknown. */
export function age(fromTime: string | undefined, nowMs: number): string {
  const fromMs = fromTime === undefined ? Number.NaN : Date.parse(fromTime);
  if (Number.isNaN(fromMs)) return '-';
  const seconds = Math.max(0, Math.floor((nowMs - fromMs) / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 60) return `${minutes}m`;
  if (hours < 24) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  return `${Math.floor(hours / 24)}d`;
}

/** `a=b,c=d` in key order, or `-` for none. */
export function labels(map: Readonly<Record<string, string>> | undefined): string {
  const keys = Object.keys(map ?? {}).sort();
  return keys.length === 0 ? '-' : keys.map((key) => `${key}=${map?.[key]}`).join(',');
}

/** `text` or, when there is none, `-`. */
export function orDash(text: string | number | undefined): string {
  return text === undefined || text === '' ? '-' : String(text);
}
