// Text of an expression into tokens; strings and numbers as in Go, which Mixer's expressions are made of.
import { ExpressionError } from './tree.ts';

/** One token. */
export interface Token {
  readonly kind: 'name' | 'string' | 'int' | 'float' | 'symbol' | 'end';
  /** The symbol, the name, or the value of a literal. */
  readonly text: string;
  readonly at: number;
}

const blank = /[ \t\r\n]*/y;
const name = /[A-Za-z_][A-Za-z0-9_]*/y;
const number = /\d+(\.\d+)?([eE][+-]?\d+)?/y;
const symbol = /==|!=|<=|>=|&&|\|\||[<>!|+()[\],.-]/y;
const escapes: Readonly<Record<string, string>> = {
  ...{ a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
  ...{ '\\': '\\', '"': '"', "'": "'" },
};

/** The tokens of `text`, the last of kind `end`. Throws ExpressionError. */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  for (;;) {
    at += take(blank)?.length ?? 0;
    if (at >= text.length) return [...tokens, { kind: 'end', text: '', at }];
    const word = take(name);
    const digits = word === undefined ? take(number) : undefined;
    const sign = word === undefined && digits === undefined ? take(symbol) : undefined;
    if (word !== undefined) tokens.push({ kind: 'name', text: word, at });
    else if (digits !== undefined) tokens.push({ kind: /[.eE]/.test(digits) ? 'float' : 'int', text: digits, at });
    else if (sign !== undefined) tokens.push({ kind: 'symbol', text: sign, at });
    else if (text[at] === '"' || text[at] === '`' || text[at] === "'") {
      const { value, end } = quoted(text, at);
      tokens.push({ kind: 'string', text: value, at });
      at = end;
      continue;
    } else throw new ExpressionError(at, `${JSON.stringify(text[at])} has no meaning here`);
    at += (word ?? digits ?? sign ?? '').length;
  }
}

/** `"…"` and `'…'` with escapes, backquotes as they are. */
function quoted(text: string, start: number): { readonly value: string; readonly end: number } {
  const quote = text[start];
  let value = '';
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at] ?? '';
    if (character === quote) return { value, end: at + 1 };
    if (character === '\n' && quote !== '`') break;
    if (character !== '\\' || quote === '`') value += character;
    else {
      const { character: unescaped, length } = escaped(text, at);
      value += unescaped;
      at += length - 1;
    }
  }
  throw new ExpressionError(start, 'the text that begins here does not end');
}

function escaped(text: string, at: number): { readonly character: string; readonly length: number } {
  const next = text[at + 1] ?? '';
  const simple = escapes[next];
  if (simple !== undefined) return { character: simple, length: 2 };
  const digits = { x: 2, u: 4, U: 8 }[next];
  const code = digits === undefined ? '' : text.slice(at + 2, at + 2 + digits);
  const point = /^[0-9a-fA-F]+$/.test(code) && code.length === digits ? Number.parseInt(code, 16) : Number.NaN;
  if (!(point <= 0x10ffff)) throw new ExpressionError(at, 'this escape has no meaning; a backslash is written \\\\');
  return { character: String.fromCodePoint(point), length: 2 + code.length };
}
