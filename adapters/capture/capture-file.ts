// The file of a capture: a line of JSON for each answer of a platform, in the order in which they came, then the facts that they made.
import { MeshError } from '../../lib/mesh-error.ts';
import type { PlatformAnswer } from '../platform-http.ts';

/** The first line. */
export interface CaptureHeader {
  readonly capture: 1;
  readonly platform: string;
  readonly instance: string;
  /** What the adapter was told, without what is secret. */
  readonly settings: unknown;
  /** RFC 3339. */
  readonly time: string;
}

/** Why there was no answer. */
export interface CapturedFailure {
  readonly code: string;
  readonly message: string;
}

/** One thing that the platform did; `atMs` counts from the first line. */
export type CapturedStep =
  | { readonly atMs: number; readonly get: string; readonly answer: PlatformAnswer }
  | { readonly atMs: number; readonly get: string; readonly failed: CapturedFailure }
  | { readonly atMs: number; readonly lines: string; readonly answer: PlatformAnswer }
  | { readonly atMs: number; readonly lines: string; readonly failed: CapturedFailure }
  /** It has begun; `stream` counts from 0. */
  | { readonly atMs: number; readonly lines: string; readonly stream: number }
  | { readonly atMs: number; readonly stream: number; readonly line: string }
  | { readonly atMs: number; readonly stream: number; readonly failed: CapturedFailure }
  /** The platform ended it in order. */
  | { readonly atMs: number; readonly stream: number; readonly ended: true };

/** A fact, without what depends on when it was said. */
export interface CapturedFact {
  readonly type: string;
  readonly subject: string;
  readonly data: unknown;
}

/** A whole file. */
export interface Capture {
  readonly header: CaptureHeader;
  readonly steps: readonly CapturedStep[];
  readonly facts: readonly CapturedFact[];
}

/** The headers of answers that adapters read; the others are not kept. */
export const keptHeaders: readonly string[] = [
  'x-consul-index',
  'x-consul-results-filtered-by-acls',
  'x-nomad-index',
  'etag',
];

/** Parses a file. Throws MeshError `invalid` naming the line when it is none, or was cut off. */
export function parseCapture(text: string, name: string): Capture {
  const rows = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line, index) => {
      try {
        return JSON.parse(line) as Record<string, unknown>;
      } catch {
        throw new MeshError('invalid', `${name}:${index + 1}: is no line of a capture`);
      }
    });
  const [header, ...rest] = rows;
  if (header?.capture !== 1) throw new MeshError('invalid', `${name} is no capture (its first line says "capture": 1)`);
  const end = rest.at(-1);
  if (end === undefined || !Array.isArray(end.facts))
    throw new MeshError('invalid', `${name} was cut off: its last line, with the facts, is missing`);
  return {
    header: header as unknown as CaptureHeader,
    steps: rest.slice(0, -1) as unknown as CapturedStep[],
    facts: end.facts as CapturedFact[],
  };
}
