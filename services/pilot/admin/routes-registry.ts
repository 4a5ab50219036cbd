// The registry over HTTP: services, endpoints and workloads, now or at a moment.
import type { FastifyInstance } from 'fastify';
import type { Endpoint, Service, Workload } from '../../../events/model.ts';
import { MeshError } from '../../../lib/mesh-error.ts';
import type { RegistryView } from '../../../mesh/snapshot.ts';
import { type AdminContext, snapshotFor } from './context.ts';
import { errorSchema, type ListResponse, listSchema, registryQuery } from './schemas.ts';

interface RegistryQuery {
  readonly namespace?: string;
  readonly name?: string;
  readonly at?: string;
}

/** A service with how many of its endpoints are healthy. */
export interface ServiceItem extends Service {
  readonly endpointCount: number;
  readonly healthyCount: number;
}

/** Registers /services, /endpoints and /workloads. */
export function registerRegistryRoutes(app: FastifyInstance, context: AdminContext): void {
  const schema = (summary: string) => ({
    schema: {
      summary,
      tags: ['registry'],
      querystring: registryQuery,
      response: { 200: listSchema, '4xx': errorSchema, '5xx': errorSchema },
    },
  });

  app.get<{ Querystring: RegistryQuery }>(
    '/services',
    schema('Services; name is a short name or a hostname'),
    async ({ query }): Promise<ListResponse<ServiceItem>> => {
      const { registry, position } = await snapshotFor(context, query.at);
      return {
        position,
        items: servicesMatching(registry, query).map(([key, service]) => withCounts(registry, key, service)),
      };
    },
  );

  app.get<{ Querystring: RegistryQuery }>(
    '/endpoints',
    schema('Endpoints; name is that of their service'),
    async ({ query }): Promise<ListResponse<Endpoint>> => {
      const { registry, position } = await snapshotFor(context, query.at);
      const services = servicesMatching(registry, query);
      if (query.name !== undefined && services.length === 0) throw noService(registry, query);
      return { position, items: services.flatMap(([key]) => registry.endpoints(key)) };
    },
  );

  app.get<{ Querystring: RegistryQuery }>(
    '/workloads',
    schema('Workloads'),
    async ({ query }): Promise<ListResponse<Workload>> => {
      const { registry, position } = await snapshotFor(context, query.at);
      const items = [...registry.workloads.values()].filter(
        (workload) =>
          (query.namespace === undefined || workload.namespace === query.namespace) &&
          (query.name === undefined || workload.name === query.name),
      );
      return { position, items };
    },
  );
}

function servicesMatching(registry: RegistryView, query: RegistryQuery): [string, Service][] {
  return [...registry.services].filter(
    ([, service]) =>
      (query.namespace === undefined || service.namespace === query.namespace) &&
      (query.name === undefined || matchesName(service, query.name)),
  );
}

/** Whether a service is meant by a short name, NAME.NAMESPACE or a hostname. */
export function matchesName(service: Service, name: string): boolean {
  const wanted = name.toLowerCase();
  return service.name === wanted || service.hostname === wanted || `${service.name}.${service.namespace}` === wanted;
}

function withCounts(registry: RegistryView, key: string, service: Service): ServiceItem {
  const endpoints = registry.endpoints(key);
  const healthyCount = endpoints.filter((endpoint) => endpoint.health === 'healthy').length;
  return { ...service, endpointCount: endpoints.length, healthyCount };
}

function noService(registry: RegistryView, query: RegistryQuery): MeshError {
  const where = query.namespace === undefined ? '' : ` in namespace ${query.namespace}`;
  const names = [...new Set([...registry.services.values()].map((service) => service.name))];
  const known = names.length === 0 ? 'the registry has no services' : `known: ${names.slice(0, 20).join(', ')}`;
  return new MeshError('not-found', `no service "${query.name}"${where}; ${known}`);
}
