// Catalog entries of what platforms report (registry-facts.ts).
import type { CatalogOf } from './catalog-entry.ts';
import type { RegistryFact } from './registry-facts.ts';

const common = { group: 'registry', log: 'facts' } as const;

/** See catalog.ts. */
export const registryEntries: CatalogOf<RegistryFact> = {
  'io.periplus.registry.service-registered': {
    ...common,
    subject: 'registry/PLATFORM/service/NAMESPACE/HOSTNAME[@CLUSTER]',
    meaning: 'A service exists with exactly this data: it is new, or something about it changed.',
    data: 'the whole service (Service in events/model.ts)',
    example: {
      hostname: 'reviews.default.svc.cluster.local',
      name: 'reviews',
      namespace: 'default',
      platform: 'files',
      addresses: ['10.96.0.10'],
      ports: [{ name: 'http', port: 9080, protocol: 'HTTP' }],
      labels: { app: 'reviews' },
      selector: { app: 'reviews' },
      resolution: 'STATIC',
      location: 'MESH_INTERNAL',
    },
  },
  'io.periplus.registry.service-deregistered': {
    ...common,
    subject: 'registry/PLATFORM/service/NAMESPACE/HOSTNAME[@CLUSTER]',
    meaning: 'A service is gone from its platform.',
    data: 'namespace, hostname, platform and cluster',
    example: { namespace: 'default', hostname: 'reviews.default.svc.cluster.local', platform: 'files' },
  },
  'io.periplus.registry.endpoint-registered': {
    ...common,
    subject: 'registry/PLATFORM/endpoint/NAMESPACE/HOSTNAME[@CLUSTER]/ID',
    meaning:
      'An instance of a service exists with exactly this data: it is new, or its health, labels or address changed.',
    data: 'the whole endpoint (Endpoint in events/model.ts)',
    example: {
      id: 'reviews-v1-0',
      hostname: 'reviews.default.svc.cluster.local',
      namespace: 'default',
      platform: 'files',
      address: '10.0.0.7',
      ports: { http: 9080 },
      labels: { app: 'reviews', version: 'v1' },
      health: 'healthy',
    },
  },
  'io.periplus.registry.endpoint-deregistered': {
    ...common,
    subject: 'registry/PLATFORM/endpoint/NAMESPACE/HOSTNAME[@CLUSTER]/ID',
    meaning: 'An instance is gone from its platform.',
    data: 'namespace, hostname, platform, cluster and id',
    example: {
      namespace: 'default',
      hostname: 'reviews.default.svc.cluster.local',
      platform: 'files',
      id: 'reviews-v1-0',
    },
  },
  'io.periplus.registry.workload-registered': {
    ...common,
    subject: 'registry/PLATFORM/workload/NAMESPACE/NAME[@CLUSTER]',
    meaning: 'A pod, allocation, container or machine exists with exactly this data.',
    data: 'the whole workload (Workload in events/model.ts)',
    example: {
      name: 'reviews-v1-0',
      namespace: 'default',
      platform: 'files',
      addresses: ['10.0.0.7'],
      ports: { http: 9080 },
      labels: { app: 'reviews', version: 'v1' },
      health: 'healthy',
    },
  },
  'io.periplus.registry.workload-deregistered': {
    ...common,
    subject: 'registry/PLATFORM/workload/NAMESPACE/NAME[@CLUSTER]',
    meaning: 'A workload is gone from its platform.',
    data: 'namespace, name, platform and cluster',
    example: { namespace: 'default', name: 'reviews-v1-0', platform: 'files' },
  },
  'io.periplus.registry.workload-health-reported': {
    ...common,
    subject: 'registry/proxy/health/NAMESPACE/PROXY',
    meaning:
      "A proxy's agent reported whether its workload is ready; it overrides what the platform says of these addresses.",
    data: 'proxy, namespace, addresses, health and what the probe said',
    example: {
      proxyId: 'sidecar~10.0.0.7~reviews-v1-0.default~default.svc.cluster.local',
      namespace: 'default',
      addresses: ['10.0.0.7'],
      health: 'unhealthy',
      reason: 'GET /health: 503',
    },
  },
};
