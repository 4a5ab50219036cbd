// How single values of a policy compare with a request: written from the documentation, apart from the lowering to Envoy, as its check.
import { BlockList, isIP } from 'node:net';

/** A value with one `*` at an end, or `*` alone for anything that is not empty. */
export function matchesWildcard(text: string, value: string): boolean {
  if (value === '*') return text.length > 0;
  if (value.startsWith('*')) return text.endsWith(value.slice(1));
  if (value.endsWith('*')) return text.startsWith(value.slice(0, -1));
  return text === value;
}

/** A value in which every `*` stands for any text. */
export function matchesGlob(text: string, value: string): boolean {
  const [first = '', ...rest] = value.split('*');
  if (!text.startsWith(first)) return false;
  if (rest.length === 0) return text === first;
  const last = rest.pop() ?? '';
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

/** Whether an address is the given one or in the given range. */
export function isInBlock(address: string, block: string): boolean {
  const [network = '', bits] = block.split('/');
  const family = isIP(network) === 6 ? 'ipv6' : 'ipv4';
  if (isIP(address) !== isIP(network)) return false;
  const list = new BlockList();
  list.addSubnet(network, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
  return list.check(address, family);
}

/** A host, whatever its case; `anyPort`: one written without a port or final dot stands for those with. */
export function matchesHost(host: string, value: string, anyPort: boolean): boolean {
  const [own, wanted] = [host.toLowerCase(), value.toLowerCase()];
  if (value === '*') return true;
  if (matchesWildcard(own, wanted)) return true;
  if (!anyPort || value.endsWith('*')) return false;
  const bare = own.replace(/:\d*$/, '');
  return matchesWildcard(bare, wanted) || (bare.endsWith('.') && matchesWildcard(bare.slice(0, -1), wanted));
}

/** A header that came with these values: one of them suffices; `each`: and one of the items, where a value is a list with commas. */
export function matchesHeader(values: readonly string[], value: string, each: boolean): boolean {
  if (value === '*') return values.length > 0;
  return values.some((own) => matchesWildcard(own, value) || (each && hasItem(own, value)));
}

function hasItem(list: string, value: string): boolean {
  const starts = [0, ...commas(list).map((at) => at + 1)];
  const ends = [...commas(list), list.length];
  if (value.startsWith('*')) return ends.some((end) => trimBlanks(list.slice(0, end)).endsWith(value.slice(1)));
  if (value.endsWith('*')) return starts.some((start) => trimBlanks(list.slice(start)).startsWith(value.slice(0, -1)));
  return starts.some((start) => ends.some((end) => start <= end && trimBlanks(list.slice(start, end)) === value));
}

function commas(text: string): number[] {
  return [...text.matchAll(/,/g)].map(({ index }) => index);
}

function trimBlanks(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}

/** A path to the letter: wildcards, or a template with `{*}` and `{**}`. */
export function matchesPath(path: string, value: string): boolean {
  return isTemplate(value) ? matchesTemplate(path, value) : matchesWildcard(path, value);
}

/**
 * A path in any spelling that a server may take for one that `value` matches: letters' case, doubled, encoded and turned slashes,
 * parameters of segments. Where dot segments are left that a server may yet resolve, anything may be meant.
 */
export function mayMatchPath(path: string, value: string): boolean {
  if (matchesPath(path, value) || hasDotSegments(path)) return true;
  if (isTemplate(value)) return matchesTemplate(plainSpelling(path), plainSlashes(value));
  if (matchesWildcard(path.toLowerCase(), value.toLowerCase())) return true;
  return value !== '*' && !value.includes(';') && matchesWildcard(plainSpelling(path), plainSlashes(value));
}

function isTemplate(value: string): boolean {
  return value.includes('{*}') || value.includes('{**}');
}

function matchesTemplate(path: string, template: string): boolean {
  return matchesParts(path, template.split(/(\{\*{1,2}\})/));
}

function matchesParts(path: string, [part, ...rest]: readonly string[]): boolean {
  if (part === undefined) return path === '';
  if (part !== '{*}' && part !== '{**}') return path.startsWith(part) && matchesParts(path.slice(part.length), rest);
  const slash = path.indexOf('/');
  const [least, most] = part === '{*}' ? [1, slash < 0 ? path.length : slash] : [0, path.length];
  for (let length = least; length <= most; length++) if (matchesParts(path.slice(length), rest)) return true;
  return false;
}

function plainSpelling(path: string): string {
  const withoutParameters = path.split('/').map((segment) => segment.split(';')[0] ?? '');
  return plainSlashes(withoutParameters.join('/'));
}

function plainSlashes(path: string): string {
  return path
    .toLowerCase()
    .replaceAll(/\\|%2f|%5c/g, '/')
    .replaceAll(/\/+/g, '/');
}

function hasDotSegments(path: string): boolean {
  const [, ...segments] = path.toLowerCase().split(/[/\\]|%2f|%5c/);
  return segments.some((segment) => {
    const name = (segment.split(';')[0] ?? '').replaceAll('%2e', '.');
    return name === '.' || name === '..';
  });
}
