// The one error class that Periplus throws: a code for programs, a message for people.

/** What kind of failure it is; the CLI and the admin API map codes to exit and HTTP status codes. */
export type MeshErrorCode =
  | 'invalid' // the input is wrong: 400, exit 1
  | 'conflict' // the expected version was not the current one: 409, exit 1
  | 'not-found' // 404, exit 1
  | 'unavailable' // a dependency can't be reached or is not ready: 503, exit 3
  | 'corrupt' // stored data fails its checks: 500, exit 1
  | 'exhausted' // a bound was reached (size, queue, streams): 429, exit 1
  | 'unauthenticated' // nobody knows who asks: 401, exit 1
  | 'forbidden' // 403, exit 1
  | 'usage'; // the command line is wrong: exit 2

/** An expected failure met at an edge. `message` says what is wrong, where, and what to do; it never holds a secret. */
export class MeshError extends Error {
  readonly code: MeshErrorCode;
  constructor(code: MeshErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'MeshError';
    this.code = code;
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
