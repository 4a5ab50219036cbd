// Turns whatever a route throws into the admin API's one error shape and an HTTP status.
import type { FastifyError, FastifyInstance } from 'fastify';
import { MeshError, type MeshErrorCode, messageOf } from '../../../lib/mesh-error.ts';
import type { ApiError, ApiProblem } from './schemas.ts';

/** A rejection that names places in the request. */
export class ProblemsError extends MeshError {
  readonly problems: readonly ApiProblem[];
  constructor(code: MeshErrorCode, message: string, problems: readonly ApiProblem[]) {
    super(code, message);
    this.name = 'ProblemsError';
    this.problems = problems;
  }
}

const statusOf: Readonly<Record<MeshErrorCode, number>> = {
  invalid: 400,
  usage: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  exhausted: 429,
  corrupt: 500,
  unavailable: 503,
};

/** Makes every failure of `app` an ApiError body. What was not foreseen is logged and told as `internal`, without its details. */
export function registerFailures(app: FastifyInstance, logger: { error(fields: object, message: string): void }): void {
  app.setNotFoundHandler(async (request, reply) => {
    const path = request.url.split('?')[0];
    const body: ApiError = {
      code: 'not-found',
      message: `there is no ${request.method} ${path}; see /openapi.json`,
      problems: [],
    };
    return await reply.code(404).send(body);
  });
  app.setErrorHandler<FastifyError | MeshError>(async (error, request, reply) => {
    const { status, body } = describe(error);
    if (status >= 500 && status !== 503) {
      logger.error({ method: request.method, url: request.url, error: error.stack }, 'a request failed');
    }
    return await reply.code(status).send(body);
  });
}

function describe(error: FastifyError | MeshError): { readonly status: number; readonly body: ApiError } {
  if (error instanceof MeshError) {
    const problems = error instanceof ProblemsError ? [...error.problems] : [];
    return { status: statusOf[error.code], body: { code: error.code, message: error.message, problems } };
  }
  if (error.validation !== undefined) {
    const problems = error.validation.map((found) => ({
      severity: 'error' as const,
      path: fieldPath(found.instancePath),
      message: detailOf(found.message ?? 'is invalid', found.params),
    }));
    return {
      status: 400,
      body: { code: 'invalid', message: 'the request does not have the expected shape', problems },
    };
  }
  const status = error.statusCode ?? 500;
  if (status >= 500)
    return {
      status,
      body: { code: 'internal', message: 'an internal error; the log of the server has the details', problems: [] },
    };
  const code: MeshErrorCode = status === 413 ? 'exhausted' : 'invalid';
  return { status, body: { code, message: messageOf(error), problems: [] } };
}

/** `/resources/0/kind` as `resources[0].kind`. */
export function fieldPath(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part, index) => (/^\d+$/.test(part) ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join('');
}

function detailOf(message: string, params: Readonly<Record<string, unknown>>): string {
  const extra = params.additionalProperty;
  return typeof extra === 'string' ? `unknown field "${extra}"` : message;
}
