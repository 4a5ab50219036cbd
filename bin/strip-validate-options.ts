// Removes protoc-gen-validate options from a .proto text: the copy of validate.proto that is to be had is older than its users.

/**
 * Returns `proto` without its import of validate/validate.proto and without any `(validate.*)` option, be it a
 * statement or one of several options in brackets. Everything else is kept, comments included.
 */
export function stripValidateOptions(proto: string): string {
  const text = proto
    .replace(/^import "validate\/validate\.proto";\r?$/m, '')
    .replace(/^\s*option \(validate\.\w+\) = \w+;\r?$/gm, '');
  let out = '';
  let at = 0;
  for (;;) {
    const open = text.indexOf('[', at);
    if (open < 0) return out + text.slice(at);
    const lineStart = text.lastIndexOf('\n', open) + 1;
    if (/\/\/|\/\*|^\s*\*/.test(text.slice(lineStart, open))) {
      out += text.slice(at, open + 1);
      at = open + 1;
      continue;
    }
    const close = endOfList(text, open);
    const kept = splitOptions(text.slice(open + 1, close)).filter((option) => !/^\s*\(validate\./.test(option));
    out += text.slice(at, open) + (kept.length > 0 ? `[${kept.join(',')}]` : '');
    at = close + 1;
  }
}

/** Index of the bracket that closes the option list opened at `open`; strings are skipped. */
function endOfList(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    const c = text[i];
    if (c === '"') i = endOfString(text, i);
    else if (c === '[') depth++;
    else if (c === ']' && --depth === 0) return i;
  }
  throw new Error(`option list opened at offset ${open} is not closed`);
}

function endOfString(text: string, open: number): number {
  let i = open + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i;
}

/** Splits an option list at its top-level commas. */
function splitOptions(list: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < list.length; i++) {
    const c = list[i];
    if (c === '"') i = endOfString(list, i);
    else if (c === '{' || c === '[') depth++;
    else if (c === '}' || c === ']') depth--;
    else if (c === ',' && depth === 0) {
      parts.push(list.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(list.slice(start));
  return parts;
}
