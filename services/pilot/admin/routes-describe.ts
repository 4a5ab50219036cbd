// Descriptions over HTTP: what shapes a service's or workload's traffic, and why, now or at a moment.
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { MeshError } from '../../../lib/mesh-error.ts';
import type { DeliveriesState } from '../../../mesh/deliveries.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { lastCertificate, lastChanges, lastHealth, namedResources } from '../describe/describe-changes.ts';
import { describeService, type SeenProxy } from '../describe/describe-service.ts';
import { describeWorkload, knownWorkloads } from '../describe/describe-workload.ts';
import type { ServiceDescription, WorkloadDescription } from '../describe/description.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import { type AdminContext, snapshotFor } from './context.ts';
import { proxyStatuses } from './proxy-status.ts';
import { timeOf } from './routes-proxies.ts';
import { matchesName } from './routes-registry.ts';
import { errorSchema, type ListResponse, listSchema } from './schemas.ts';

const query = Type.Object(
  {
    name: Type.String({ description: 'NAME, NAME.NAMESPACE or, for a service, its hostname' }),
    namespace: Type.Optional(Type.String()),
    from: Type.Optional(
      Type.String({ description: "namespace whose clients are meant; the service's own by default" }),
    ),
    at: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);

interface DescribeQuery {
  readonly name: string;
  readonly namespace?: string;
  readonly from?: string;
  readonly at?: string;
}

/** Registers /describe/service and /describe/workload. */
export function registerDescribeRoutes(app: FastifyInstance, context: AdminContext): void {
  const schema = (summary: string) => ({
    schema: {
      summary,
      tags: ['describe'],
      querystring: query,
      response: { 200: listSchema, '4xx': errorSchema, '5xx': errorSchema },
    },
  });

  app.get<{ Querystring: DescribeQuery }>(
    '/describe/service',
    schema('What routes, subsets, policies and endpoints a service has for the clients of a namespace, and why'),
    async ({ query: { name, namespace, from, at } }): Promise<ListResponse<ServiceDescription>> => {
      const snapshot = await snapshotFor(context, at);
      const proxies = await proxiesOf(context, at);
      const services = [...snapshot.registry.services.values()].filter(
        (service) => (namespace === undefined || service.namespace === namespace) && matchesName(service, name),
      );
      if (services.length === 0) throw notFound('service', name, namespace);
      const describe = (service: (typeof services)[number]) =>
        describeService(snapshot, service, { from: from ?? service.namespace, proxies });
      const items = await Promise.all(services.map((service) => withChanges(context, describe(service), snapshot)));
      return { position: snapshot.position, items };
    },
  );

  app.get<{ Querystring: DescribeQuery }>(
    '/describe/workload',
    schema("What a workload serves, and what shapes its proxy's configuration, and why"),
    async ({ query: { name, namespace, at } }): Promise<ListResponse<WorkloadDescription>> => {
      const snapshot = await snapshotFor(context, at);
      const proxies = await proxiesOf(context, at);
      const workloads = knownWorkloads(snapshot, proxies).filter(
        (workload) =>
          (namespace === undefined || workload.namespace === namespace) &&
          (workload.name === name || `${workload.name}.${workload.namespace}` === name),
      );
      if (workloads.length === 0) throw notFound('workload', name, namespace);
      const items = await Promise.all(
        workloads.map(async (workload) => {
          const described = await withChanges(context, describeWorkload(snapshot, workload, proxies), snapshot);
          const { spiffeId } = described;
          const { facts } = context.logs;
          const certificate = spiffeId && (await lastCertificate(facts, spiffeId, snapshot.position));
          const health = await lastHealth(facts, described, snapshot.position);
          return { ...described, ...(certificate && { certificate }), ...(health.length > 0 && { health }) };
        }),
      );
      return { position: snapshot.position, items };
    },
  );
}

async function withChanges<Description extends ServiceDescription | WorkloadDescription>(
  { logs }: AdminContext,
  description: Description,
  { position }: Snapshot,
): Promise<Description> {
  return { ...description, changes: await lastChanges(logs.facts, namedResources(description), position) };
}

async function proxiesOf(context: AdminContext, at: string | undefined): Promise<readonly SeenProxy[]> {
  const time = await timeOf(context, at);
  return seenProxies(time === undefined ? context.deliveries.state() : await context.deliveries.stateAt(time));
}

function seenProxies(state: DeliveriesState): readonly SeenProxy[] {
  return proxyStatuses(state).flatMap(({ id, connected, types }) => {
    const proxy = state.proxies.get(id);
    const stream = proxy && ([...proxy.streams.values()].at(-1) ?? proxy.lastConnected);
    if (stream === undefined) return [];
    const status = types.map(({ type, state: of }) => `${type} ${of}`);
    return [{ id, connected, context: stream.context as ProxyContext, status }];
  });
}

function notFound(kind: string, name: string, namespace: string | undefined): MeshError {
  const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
  return new MeshError('not-found', `no ${kind} "${name}"${where}; "periplus get ${kind}s" lists them`);
}
