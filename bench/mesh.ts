// The benchmark's mesh: S services with E endpoints each, every fifth with a VirtualService and a DestinationRule.
import type { ConfigFact } from '../events/config-facts.ts';
import { configSubject } from '../events/config-facts.ts';
import type { Append } from '../events/event-log.ts';
import type { ConfigResource, Endpoint, Service } from '../events/model.ts';
import { endpointSubject, type RegistryFact, serviceSubject } from '../events/registry-facts.ts';

const namespace = 'default';
const platform = 'bench';
const hostOf = (i: number) => `svc-${i}.${namespace}.svc.cluster.local`;
const addressOf = (i: number, e: number) => `10.${10 + Math.floor(i / 250)}.${i % 250}.${e + 1}`;

/** Milliseconds between two facts of the built mesh: its history has distinct times. */
const stepMs = 1;
const startMs = Date.UTC(2026, 0, 1);
let facts = 0;

function fact<Type extends string, Data>(type: Type, subject: string, data: Data) {
  facts++;
  return {
    id: `bench-${facts}`,
    source: '/bench',
    type,
    subject,
    time: new Date(startMs + facts * stepMs).toISOString(),
    actor: 'system:bench',
    causes: [],
    data,
  };
}

/** A service of the mesh. */
export function benchService(i: number): Service {
  return {
    hostname: hostOf(i),
    name: `svc-${i}`,
    namespace,
    platform,
    addresses: [`10.250.${Math.floor(i / 250)}.${(i % 250) + 1}`],
    ports: [{ name: 'http', port: 8080, protocol: 'HTTP', targetPort: 8080 }],
    labels: {},
    selector: { app: `svc-${i}` },
    resolution: 'STATIC',
    location: 'MESH_INTERNAL',
    createdAt: '2026-01-01T00:00:00Z',
  };
}

/** An instance of service `i`; `address` replaces the usual one in the benchmark's changes. */
export function benchEndpoint(i: number, e: number, address = addressOf(i, e)): Endpoint {
  return {
    id: `svc-${i}-${e}`,
    hostname: hostOf(i),
    namespace,
    platform,
    address,
    ports: { http: 8080 },
    labels: { app: `svc-${i}`, version: e % 2 === 0 ? 'v1' : 'v2' },
    health: 'healthy',
    serviceAccount: 'default',
    workload: `svc-${i}-${e}`,
  };
}

/** Service `i`'s 90/10 VirtualService; `mark` shows in the route as a request header. */
export function benchVirtualService(i: number, mark?: string): ConfigResource {
  const destination = (subset: string) => ({ destination: { host: hostOf(i), subset } });
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    namespace,
    name: `svc-${i}`,
    createdAt: '2026-01-01T00:00:00Z',
    spec: {
      hosts: [hostOf(i)],
      http: [
        {
          timeout: '5s',
          retries: { attempts: 2, retryOn: '5xx' },
          ...(mark === undefined ? {} : { headers: { request: { set: { 'x-mark': mark } } } }),
          route: [
            { ...destination('v1'), weight: 90 },
            { ...destination('v2'), weight: 10 },
          ],
        },
      ],
    },
  };
}

function benchDestinationRule(i: number): ConfigResource {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    namespace,
    name: `svc-${i}`,
    createdAt: '2026-01-01T00:00:00Z',
    spec: {
      host: hostOf(i),
      trafficPolicy: { outlierDetection: { consecutive5xxErrors: 5 } },
      subsets: [
        { name: 'v1', labels: { version: 'v1' } },
        { name: 'v2', labels: { version: 'v2' } },
      ],
    },
  };
}

/** The fact that a service exists. */
export const serviceFact = (service: Service): RegistryFact =>
  fact('io.periplus.registry.service-registered', serviceSubject(service), service);
/** The fact that an endpoint exists. */
export const endpointFact = (endpoint: Endpoint): RegistryFact =>
  fact('io.periplus.registry.endpoint-registered', endpointSubject(endpoint), endpoint);
/** The fact that a resource was applied. */
export const configFact = (resource: ConfigResource): ConfigFact =>
  fact('io.periplus.config.applied', configSubject(resource), resource);

/** All facts of a mesh of `services` × `endpoints`. */
export function benchMesh(services: number, endpoints: number): Append[] {
  const appends: Append[] = [];
  for (let i = 0; i < services; i++) {
    appends.push({ event: serviceFact(benchService(i)) });
    for (let e = 0; e < endpoints; e++) appends.push({ event: endpointFact(benchEndpoint(i, e)) });
    if (i % 5 === 0)
      for (const resource of [benchDestinationRule(i), benchVirtualService(i)])
        appends.push({ event: configFact(resource) });
  }
  return appends;
}
