// Where a list is read from: a file or a URL, one entry a line, within bounds.
import { open } from 'node:fs/promises';
import { isIP } from 'node:net';
import { fileURLToPath } from 'node:url';
import { MeshError } from '../../../lib/mesh-error.ts';
import { compilePattern } from '../../../mesh/policy/expression/patterns.ts';
import type { ListType } from '../../../mesh/policy/rules.ts';

/** 100,000 entries of 40 characters; as text and as a set they are about 15 MB of memory. */
const maxBytes = 4 * 1024 * 1024;
/** Each is tried on each text, some microseconds: more would use up the time that a proxy waits. */
const maxPatterns = 1_000;

/** The text at a path (`/etc/list`), `file:` or `http(s):` URL. Rejects with MeshError `unavailable` when it is longer than 4 MiB or can't be read. */
export async function readSource(source: string, signal: AbortSignal): Promise<string> {
  try {
    if (/^https?:/.test(source)) return await fetchText(source, signal);
    return await readText(source.startsWith('file:') ? fileURLToPath(source) : source);
  } catch (error) {
    const why = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : error;
    throw new MeshError('unavailable', `the list ${withoutSecrets(source)} can't be read: ${String(why)}`);
  }
}

/** A URL without what may be a password or key. */
export function withoutSecrets(source: string): string {
  if (!URL.canParse(source)) return source;
  const { protocol, host, pathname } = new URL(source);
  return `${protocol}//${host}${pathname}`;
}

async function fetchText(url: string, signal: AbortSignal): Promise<string> {
  // Who was named is asked, and nobody whom it names.
  const response = await fetch(url, { signal, redirect: 'error' });
  if (!response.ok) throw new Error(`it answered ${response.status}`);
  let bytes = 0;
  const parts: Uint8Array[] = [];
  for await (const part of response.body ?? []) {
    bytes += (part as Uint8Array).byteLength;
    if (bytes > maxBytes) throw new Error(`it is longer than ${maxBytes} bytes`);
    parts.push(part as Uint8Array);
  }
  return Buffer.concat(parts).toString();
}

async function readText(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > maxBytes) throw new Error(`it is longer than ${maxBytes} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/**
 * The entries of a text: one a line; empty lines and lines that begin with `#` are none. Lists of addresses may also be YAML as
 * Mixer's were (`whitelist:` and items with a dash). Throws MeshError `invalid` that names the first line that is no entry of `type`.
 */
export function entriesOf(text: string, type: ListType): readonly string[] {
  const lines = text.split(/\r?\n/).map((line, index) => ({ entry: entryOf(line, type), number: index + 1 }));
  const entries = lines.filter(({ entry }) => entry !== '');
  for (const { entry, number } of entries) {
    const problem = problemOf(entry, type);
    if (problem !== undefined) throw new MeshError('invalid', `line ${number}: ${problem}`);
  }
  if (type === 'REGEX' && entries.length > maxPatterns)
    throw new MeshError('invalid', `${entries.length} regular expressions; at most ${maxPatterns}`);
  return entries.map(({ entry }) => entry);
}

function entryOf(line: string, type: ListType): string {
  const text = line.trim();
  if (text.startsWith('#')) return '';
  if (type !== 'IP_ADDRESSES') return text;
  return /^\w+:$/.test(text) ? '' : text.replace(/^- */, '').replaceAll(/^["']|["']$/g, '');
}

function problemOf(entry: string, type: ListType): string | undefined {
  if (type === 'REGEX') {
    const pattern = compilePattern(entry);
    return typeof pattern === 'string' ? `no regular expression of RE2: ${pattern}` : undefined;
  }
  if (type !== 'IP_ADDRESSES') return undefined;
  const [address = '', bits, more] = entry.split('/');
  const most = isIP(address) === 6 ? 128 : 32;
  const isRange = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most);
  return isIP(address) > 0 && isRange && more === undefined
    ? undefined
    : `no IP address or range: ${JSON.stringify(entry.slice(0, 64))}`;
}
