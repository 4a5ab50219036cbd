// Configuration over HTTP: apply and delete, all or none; list and get, now or at a moment; findings across resources.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ConfigResource } from '../../../events/model.ts';
import { MeshError } from '../../../lib/mesh-error.ts';
import { analyze } from '../../../mesh/config/analyze.ts';
import { parseDocuments, parseObject } from '../../../mesh/config/parse.ts';
import { manifestOf } from '../../../mesh/config/print.ts';
import { hasErrors, type Problem } from '../../../mesh/config/problem.ts';
import { didYouMean } from '../../../mesh/config/suggest-name.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { actorOf } from './auth/caller.ts';
import { applyResources, type ChangeOptions, deleteResources } from './change-config.ts';
import { configKinds } from './config-kinds.ts';
import { type AdminContext, snapshotFor } from './context.ts';
import { ProblemsError } from './failures.ts';
import {
  type ApplyRequest,
  applyRequestSchema,
  atQuery,
  changeResponseSchema,
  configQuery,
  type DeleteRequest,
  deleteRequestSchema,
  errorSchema,
  type ListResponse,
  listSchema,
} from './schemas.ts';

interface ConfigQuery {
  readonly kind?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly at?: string;
}

/** Registers /apply, /delete, /config and /analyze. */
export function registerConfigRoutes(app: FastifyInstance, context: AdminContext): void {
  const changeSchema = {
    tags: ['config'],
    response: { 200: changeResponseSchema, '4xx': errorSchema, '5xx': errorSchema },
  };

  // `curl --data-binary @file.yaml -H 'content-type: application/yaml'` works too: the text is parsed here, with places.
  app.addContentTypeParser(['application/yaml', 'text/yaml'], { parseAs: 'string' }, (_, text, done) => {
    const { objects, problems } = parseDocuments(String(text));
    if (hasErrors(problems)) done(rejected(problems));
    else
      done(null, {
        resources: objects.map((parsed) => (parsed.type === 'config' ? manifestOf(parsed.resource) : parsed.object)),
      });
  });

  app.post<{ Body: ApplyRequest }>(
    '/apply',
    { schema: { ...changeSchema, summary: 'Make resources exactly so, all or none', body: applyRequestSchema } },
    async (request) => await applyResources(context, resourcesOf(request.body.resources), optionsOf(request)),
  );

  app.post<{ Body: DeleteRequest }>(
    '/delete',
    { schema: { ...changeSchema, summary: 'Remove resources, all or none', body: deleteRequestSchema } },
    async (request) =>
      await deleteResources(context, request.body.resources, {
        ...optionsOf(request),
        ignoreNotFound: request.body.ignoreNotFound ?? false,
      }),
  );

  app.get<{ Querystring: ConfigQuery }>(
    '/config',
    {
      schema: {
        summary: 'Configuration resources, in the order in which Istio ranks them',
        tags: ['config'],
        querystring: configQuery,
        response: { 200: listSchema, '4xx': errorSchema, '5xx': errorSchema },
      },
    },
    async ({ query }): Promise<ListResponse<ConfigResource>> => {
      const snapshot = await snapshotFor(context, query.at);
      return { position: snapshot.position, items: matching(snapshot, query) };
    },
  );

  app.get<{ Querystring: { at?: string } }>(
    '/analyze',
    {
      schema: {
        summary: "Findings across resources, with istioctl's codes",
        tags: ['config'],
        querystring: atQuery,
        response: { 200: listSchema, '4xx': errorSchema, '5xx': errorSchema },
      },
    },
    async ({ query }): Promise<ListResponse<Problem>> => {
      const snapshot = await snapshotFor(context, query.at);
      return { position: snapshot.position, items: analyze(snapshot) };
    },
  );
}

/** Parses what arrived as JSON. Throws ProblemsError with every fault. */
function resourcesOf(manifests: readonly unknown[]): readonly ConfigResource[] {
  const problems: Problem[] = [];
  const resources: ConfigResource[] = [];
  for (const manifest of manifests) {
    const parsed = parseObject(manifest);
    problems.push(...parsed.problems);
    if (parsed.object?.type === 'config') resources.push(parsed.object.resource);
    else if (parsed.object !== undefined) problems.push(registryObject(parsed.object));
  }
  if (hasErrors(problems)) throw rejected(problems);
  return resources;
}

function registryObject({
  kind,
  namespace,
  name,
}: {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}): Problem {
  return {
    severity: 'error',
    resource: `${kind}/${namespace}/${name}`,
    path: 'kind',
    message: `a Kubernetes ${kind} belongs to the registry, which adapters fill, not to configuration`,
  };
}

function rejected(problems: readonly Problem[]): ProblemsError {
  const errors = problems.filter((problem) => problem.severity === 'error');
  return new ProblemsError(
    'invalid',
    `${errors.length === 1 ? 'a problem' : `${errors.length} problems`}; nothing was changed`,
    problems,
  );
}

function optionsOf(request: FastifyRequest<{ Body: ApplyRequest | DeleteRequest }>): ChangeOptions {
  const { traceparent } = request.headers;
  return {
    actor: actorOf(request, request.body.actor),
    dryRun: request.body.dryRun ?? false,
    ...(typeof traceparent === 'string' && isTraceparent(traceparent) ? { traceparent } : {}),
  };
}

/** W3C Trace Context, version 00 (w3.org/TR/trace-context). */
function isTraceparent(text: string): boolean {
  return /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(text);
}

function matching(snapshot: Snapshot, query: ConfigQuery): readonly ConfigResource[] {
  if (query.kind !== undefined && !configKinds.includes(query.kind)) {
    throw new MeshError('invalid', `unknown kind "${query.kind}"${didYouMean(query.kind, configKinds)}`);
  }
  const kinds = query.kind === undefined ? configKinds : [query.kind];
  return kinds
    .flatMap((kind) => snapshot.config.list(kind))
    .filter((resource) => query.namespace === undefined || resource.namespace === query.namespace)
    .filter((resource) => query.name === undefined || resource.name === query.name);
}
