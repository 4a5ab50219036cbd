import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type {
  KubernetesEndpointSlice,
  KubernetesNamespace,
  KubernetesNode,
  KubernetesPod,
  KubernetesService,
} from '../../mesh/config/schemas/kubernetes.ts';
import type { Observed } from '../adapter.ts';
import { subjectOf } from '../fact.ts';
import { ClusterIndex, type ClusterKind, type ClusterObjects } from './cluster-index.ts';
import { noKubernetesObjects } from './kubernetes-set.ts';
import { translateKubernetes } from './translate.ts';

const origin = { platform: 'kubernetes', clusterId: 'c1' };
const at = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const name = at('a', 'b', 'c');
const namespace = at('x', 'y');
const ip = at('10.0.0.1', '10.0.0.2', '10.0.0.3');

const service = fc.record({ name, namespace, headless: fc.boolean() }).map(
  ({ headless, ...metadata }): KubernetesService => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { clusterIP: headless ? 'None' : '10.96.0.1', ports: [{ name: 'http', port: 80 }] },
  }),
);
const slice = fc
  .record({
    name,
    namespace,
    service: name,
    endpoints: fc.array(fc.record({ ip, ready: fc.boolean(), pod: fc.option(name), node: fc.option(at('n1', 'n2')) }), {
      maxLength: 3,
    }),
  })
  .map(
    ({ service, endpoints, ...metadata }): KubernetesEndpointSlice => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': service } },
      ports: [{ name: 'http', port: 8080 }],
      endpoints: endpoints.map(({ ip, ready, pod, node }) => ({
        addresses: [ip],
        conditions: { ready },
        ...(pod && { targetRef: { kind: 'Pod', name: pod } }),
        ...(node && { nodeName: node }),
      })),
    }),
  );
const pod = fc
  .record({
    name,
    namespace,
    ip: fc.option(ip),
    node: at('n1', 'n2'),
    phase: at('Running', 'Failed'),
    host: fc.boolean(),
  })
  .map(
    ({ ip, node, phase, host, ...metadata }): KubernetesPod => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, labels: { app: `${phase}-${node}` } },
      spec: { nodeName: node, hostNetwork: host },
      status: { phase, ...(ip && { podIP: ip }) },
    }),
  );
const node = fc.record({ name: at('n1', 'n2'), region: at('eu', 'us') }).map(
  ({ name, region }): KubernetesNode => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'topology.kubernetes.io/region': region } },
  }),
);
const systemNamespace = fc.option(at('west', 'east')).map(
  (network): KubernetesNamespace => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'istio-system', ...(network && { labels: { 'topology.istio.io/network': network } }) },
  }),
);
const ownNamespace = fc.record({ name: namespace, nearness: fc.option(at('PreferClose', 'PreferSameNode')) }).map(
  ({ name, nearness }): KubernetesNamespace => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      ...(nearness && { annotations: { 'networking.istio.io/traffic-distribution': nearness } }),
    },
  }),
);
const change = fc.record({
  object: fc.oneof(service, slice, pod, node, systemNamespace, ownNamespace),
  verb: at('set', 'set', 'set', 'remove'),
  take: fc.boolean(),
});

const idOf = (object: ClusterObjects[ClusterKind]) =>
  `${object.kind}/${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`;

/** What the whole translation says of `objects`; a service without slices has no endpoints, whatever its selector. */
function wholeTranslation(objects: ReadonlyMap<string, ClusterObjects[ClusterKind]>): readonly Observed[] {
  const of = <T>(kind: string) =>
    [...objects.values()].filter((object) => object.kind === kind) as unknown as readonly T[];
  const set = {
    ...noKubernetesObjects,
    services: of<KubernetesService>('Service'),
    endpointSlices: of<KubernetesEndpointSlice>('EndpointSlice'),
    pods: of<KubernetesPod>('Pod'),
    nodes: of<KubernetesNode>('Node'),
    namespaces: of<KubernetesNamespace>('Namespace'),
  };
  return translateKubernetes(set, origin).map(({ observed }) => observed);
}

const bySubject = (items: readonly Observed[]) => new Map(items.map((item) => [subjectOf(item), item.value]));

describe('the index of a cluster', () => {
  it('shows after any changes what the translation of everything shows', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const index = new ClusterIndex(origin);
        const objects = new Map<string, ClusterObjects[ClusterKind]>();
        const shown = new Map<string, readonly Observed[]>();
        const take = () => {
          for (const [scope, items] of index.takeChanges()) shown.set(scope, items);
        };
        for (const { object, verb, take: now } of changes) {
          const kind = object.kind as ClusterKind;
          if (verb === 'set') {
            // The whole translation keeps the order of objects; slices are read in name order.
            objects.set(idOf(object), object);
            index.set(kind, object);
          } else {
            objects.delete(idOf(object));
            index.remove(kind, object);
          }
          if (now) take();
        }
        take();
        const inOrder = new Map([...objects].sort(([a], [b]) => (a < b ? -1 : 1)));
        expect(bySubject([...shown.values()].flat())).toEqual(bySubject(wholeTranslation(inOrder)));
        expect(index.hasChanges).toBe(false);
        const existing = [...index.scopes()].sort();
        expect(existing).toEqual(
          expect.arrayContaining([...shown].flatMap(([scope, items]) => (items.length ? [scope] : []))),
        );
      }),
      { numRuns: 400 },
    );
  });

  it('takes a list for everything that exists, and sees no change in equal objects', () => {
    const index = new ClusterIndex(origin);
    const [one, two] = ['one', 'two'].map(
      (name): KubernetesService => ({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace: 'x' },
        spec: {},
      }),
    );
    if (!one || !two) throw new Error('two services');
    index.replace('Service', [one, two]);
    expect([...index.takeChanges().keys()]).toEqual(['service/x/one', 'service/x/two']);
    index.replace('Service', [structuredClone(two)]);
    expect([...index.takeChanges()]).toEqual([['service/x/one', []]]);
    expect(index.scopes()).toEqual(['service/x/two']);
  });
});
