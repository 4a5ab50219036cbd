// Properties of translation over random meshes: it never throws, events' order leaves no trace, and no name dangles.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConfigResource, Endpoint, Service } from '../../../events/model.ts';
import { SnapshotBuilder } from '../../../mesh/snapshot-builder.ts';
import { endpointAt, factsOf, httpService, record, resourceOf } from '../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from './context-fixture.ts';
import { translationToJson } from './json.ts';
import { createMemo } from './memo.ts';
import { translate } from './translate.ts';

const names = ['a', 'b', 'c', 'd'] as const;
const protocols = ['HTTP', 'HTTP2', 'GRPC', 'TCP', 'TLS', 'Unsupported', 'UDP'] as const;

const servicePorts = fc
  .uniqueArray(fc.record({ port: fc.constantFrom(80, 81, 443, 9000), protocol: fc.constantFrom(...protocols) }), {
    selector: ({ port }) => port,
    maxLength: 3,
  })
  .map((ports) => ports.map(({ port, protocol }) => ({ name: `p${port}`, port, protocol })));

const services = fc
  .tuple(
    ...names.map((name, i) =>
      fc.record({
        name: fc.constant(name),
        ports: servicePorts,
        addresses: fc.constantFrom([], [`10.96.0.${i + 1}`]),
        headless: fc.boolean(),
        resolution: fc.constantFrom('STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'NONE'),
        exportTo: fc.constantFrom(['*'], ['.']),
        platform: fc.constantFrom('kubernetes', 'service-entry'),
      } as const),
    ),
  )
  .chain((all) => fc.subarray(all))
  .map((all) => all.map(({ name, ...over }): Service => httpService(name, over)));

const endpointOf = (list: readonly Service[]): fc.Arbitrary<Endpoint[]> =>
  list.length === 0
    ? fc.constant([])
    : fc.uniqueArray(
        fc
          .record({
            service: fc.constantFrom(...list),
            address: fc.constantFrom('10.0.0.1', '10.0.0.2', 'x.example.com', '2001:db8::1'),
            health: fc.constantFrom('healthy', 'unhealthy', 'draining'),
            locality: fc.constantFrom('', 'r1/z1', 'r2/z1/s1'),
            version: fc.constantFrom('v1', 'v2'),
          } as const)
          .map(({ service, address, health, locality, version }) =>
            endpointAt(service, address, { health, locality, labels: { version } }),
          ),
        { selector: ({ hostname, id }) => `${hostname} ${id}`, maxLength: 8 },
      );

const rules: fc.Arbitrary<ConfigResource[]> = fc.subarray([...names]).chain((hosts) =>
  fc.tuple(
    ...hosts.map((host) =>
      fc
        .record({
          simple: fc.constantFrom('RANDOM', 'ROUND_ROBIN', 'PASSTHROUGH'),
          subsets: fc.constantFrom([], [{ name: 'v1', labels: { version: 'v1' } }]),
          outlierDetection: fc.constantFrom({}, { consecutive5xxErrors: 1 }),
          mode: fc.constantFrom('DISABLE', 'SIMPLE', 'ISTIO_MUTUAL'),
        })
        .map(({ simple, subsets, outlierDetection, mode }) =>
          resourceOf('DestinationRule', host, {
            host,
            subsets,
            trafficPolicy: { loadBalancer: { simple }, outlierDetection, tls: { mode } },
          }),
        ),
    ),
  ),
);

const sidecars: fc.Arbitrary<ConfigResource[]> = fc.constantFrom<ConfigResource[]>(
  [],
  [resourceOf('Sidecar', 's', { egress: [{ hosts: ['./a.default.svc.cluster.local'] }] })],
  [
    resourceOf('Sidecar', 's', {
      ingress: [{ port: { number: 80, protocol: 'HTTP', name: 'http' }, defaultEndpoint: '127.0.0.1:8080' }],
    }),
  ],
);

const meshes = services.chain((list) =>
  fc.record({
    services: fc.constant(list),
    endpoints: endpointOf(list),
    config: fc.tuple(rules, sidecars).map((all) => all.flat()),
  }),
);
const contexts = fc.constantFrom(
  sidecarContext(),
  sidecarContext({ interceptionMode: 'NONE', locality: 'r1/z1' }),
  sidecarContext({ namespace: 'other', addresses: [] }),
  sidecarContext({ type: 'router', addresses: ['10.9.0.1'] }),
  sidecarContext({ generator: 'grpc', addresses: [] }),
);

describe('translation of any mesh', () => {
  it('leaves no trace of the order of events, nor of the snapshots on the way', () => {
    const property = fc.property(meshes, contexts, fc.infiniteStream(fc.nat()), (mesh, context, random) => {
      const facts = factsOf(mesh);
      const all = new SnapshotBuilder({}).applyAll(record(facts)).snapshot();
      const expected = translationToJson(translate(all, context, createMemo()));
      const shuffled = facts.map((fact) => ({ fact, rank: random.next().value })).sort((x, y) => x.rank - y.rank);
      const builder = new SnapshotBuilder({});
      const memo = createMemo();
      for (const event of record(shuffled.map(({ fact }) => fact))) {
        builder.apply(event);
        translate(builder.snapshot(), context, memo);
      }
      expect(translationToJson(translate(builder.snapshot(), context, memo))).toEqual(expected);
    });
    fc.assert(property, { numRuns: 40 });
  });

  it('names no cluster, route or load assignment that it does not give', () => {
    const property = fc.property(meshes, contexts, (mesh, context) => {
      // A gRPC client asks for the hosts that it calls, and those speak gRPC where it can reach them.
      const isCallable = ({ ports, resolution }: Service) =>
        resolution === 'STATIC' && ports.every(({ protocol }) => protocol.startsWith('HTTP') || protocol === 'GRPC');
      fc.pre(context.generator !== 'grpc' || mesh.services.every(isCallable));
      const snapshot = new SnapshotBuilder({}).applyAll(record(factsOf(mesh))).snapshot();
      const { resources } = translationToJson(translate(snapshot, context, createMemo()));
      const clusters = new Set(resources.clusters.map(({ name }) => name));
      const named = [...textsUnder('cluster', resources.listeners), ...textsUnder('cluster', resources.routes)];
      expect(named.filter((name) => !clusters.has(name))).toEqual([]);
      const routes = new Set(resources.routes.map(({ name }) => name));
      expect(textsUnder('routeConfigName', resources.listeners).filter((name) => !routes.has(name))).toEqual([]);
      const assignments = resources.endpoints.map(({ clusterName }) => clusterName);
      expect(textsUnder('serviceName', resources.clusters).sort()).toEqual(assignments);
    });
    fc.assert(property, { numRuns: 120 });
  });
});

/** Texts in fields called `key`, wherever they are. */
function textsUnder(key: string, value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === key && typeof inner === 'string' ? [inner] : textsUnder(key, inner),
  );
}
