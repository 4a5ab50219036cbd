// A refusal by the API server, or no answer from it.
import { MeshError } from '../../lib/mesh-error.ts';

/** See the file's first line. `status` is 0 when there was no answer. */
export class ApiError extends MeshError {
  readonly status: number;
  constructor(status: number, message: string, options?: { readonly cause?: unknown }) {
    super(
      status === 401 || status === 403 ? 'forbidden' : status === 404 ? 'not-found' : 'unavailable',
      message,
      options,
    );
    this.name = 'ApiError';
    this.status = status;
  }
}
