// A refusal by the API server, or no answer from it.
import { MeshError } from '../../lib/mesh-error.ts';

/** More than this is not waited for, whatever a server asks: an hour of silence would look like a dead adapter. */
const maxRetryAfterMs = 60_000;

/** See the file's first line. `status` is 0 when there was no answer. */
export class ApiError extends MeshError {
  readonly status: number;
  /** How long a busy server asks to be left alone (429, 503 with Retry-After; API Priority and Fairness), at most a minute. */
  readonly retryAfterMs: number;
  constructor(
    status: number,
    message: string,
    options?: { readonly cause?: unknown; readonly retryAfter?: string | undefined },
  ) {
    super(
      status === 401 || status === 403 ? 'forbidden' : status === 404 ? 'not-found' : 'unavailable',
      message,
      options,
    );
    this.name = 'ApiError';
    this.status = status;
    const seconds = Number(options?.retryAfter);
    this.retryAfterMs = seconds > 0 ? Math.min(seconds * 1_000, maxRetryAfterMs) : 0;
  }
}
