// A cluster's objects, kept so that one that changes says which services and pods it touches. No I/O; mutable; belongs to one adapter.

import { sameContent } from '../../mesh/config/same-content.ts';
import type {
  KubernetesEndpointSlice,
  KubernetesNamespace,
  KubernetesNode,
  KubernetesPod,
  KubernetesService,
} from '../../mesh/config/schemas/kubernetes.ts';
import { trafficDistributionOf } from '../../mesh/traffic-distribution.ts';
import type { Observed } from '../adapter.ts';
import { GroupedKeys } from './grouped-keys.ts';
import { addressesOf, isFinished, type KubernetesIndex, namespaceOf, objectKey } from './kubernetes-set.ts';
import { NamespaceSelection } from './namespace-selection.ts';
import { serviceNameLabel } from './prune.ts';
import { serviceOf } from './translate.ts';
import { endpointsOfService } from './translate-endpoints.ts';
import { type Origin, workloadOf } from './translate-pod.ts';

/** The types that make the registry. */
export interface ClusterObjects {
  readonly Service: KubernetesService;
  readonly EndpointSlice: KubernetesEndpointSlice;
  readonly Pod: KubernetesPod;
  readonly Node: KubernetesNode;
  readonly Namespace: KubernetesNamespace;
}
/** Their names. */
export type ClusterKind = keyof ClusterObjects;

const serviceScope = 'service/';
const podScope = 'pod/';

/** Scopes of what it shows are `service/NAMESPACE/NAME` (with the service's endpoints) and `pod/NAMESPACE/NAME`. */
export class ClusterIndex {
  readonly #origin: Origin;
  readonly #services = new Map<string, KubernetesService>();
  readonly #slices = new Map<string, KubernetesEndpointSlice>();
  readonly #pods = new Map<string, KubernetesPod>();
  readonly #nodes = new Map<string, KubernetesNode>();
  readonly #namespaces = new Map<string, KubernetesNamespace>();
  /** By the label of the namespace istio-system. */
  #network: string | undefined;
  readonly #configuredNetwork: string | undefined;
  readonly #slicesByService = new GroupedKeys();
  /** By what its endpoints point to: `pod NAMESPACE/NAME` and `address NAMESPACE/IP`. */
  readonly #slicesByTarget = new GroupedKeys();
  readonly #podsByAddress = new GroupedKeys();
  readonly #podsByNode = new GroupedKeys();
  /** Scopes whose content may differ from what was taken. */
  #dirty = new Set<string>();
  #awaitsPods = false;

  readonly #selection: NamespaceSelection;

  constructor(origin: Origin, options: { readonly network?: string; readonly selection?: NamespaceSelection } = {}) {
    this.#origin = origin;
    this.#configuredNetwork = options.network;
    this.#selection = options.selection ?? new NamespaceSelection();
  }

  /** Everything of one kind that exists now. */
  replace<K extends ClusterKind>(kind: K, objects: readonly ClusterObjects[K][]): void {
    const present = new Map(objects.map((object) => [keyOf(kind, object), object]));
    for (const [key, known] of this.#known(kind)) if (!present.has(key)) this.remove(kind, known);
    for (const object of objects) this.set(kind, object);
  }

  set<K extends ClusterKind>(kind: K, object: ClusterObjects[K]): void {
    const known = this.#known(kind).get(keyOf(kind, object));
    if (known && sameContent(known, object)) return;
    this.#apply({ kind, before: known, after: object } as Change);
  }

  remove<K extends ClusterKind>(kind: K, object: ClusterObjects[K]): void {
    const known = this.#known(kind).get(keyOf(kind, object));
    if (known) this.#apply({ kind, before: known, after: undefined } as Change);
  }

  /** Every scope that exists. */
  scopes(): readonly string[] {
    return [
      ...[...this.#services.keys()].map((key) => serviceScope + key),
      ...[...this.#pods.keys()].map((key) => podScope + key),
    ];
  }

  /** Which namespaces belong to the mesh has changed. */
  touchAll(): void {
    for (const scope of this.scopes()) this.#dirty.add(scope);
  }

  get hasChanges(): boolean {
    return this.#dirty.size > 0;
  }

  /** Whether a slice that changed names a pod that is not known yet: it may be on its way. */
  get awaitsPods(): boolean {
    return this.#awaitsPods;
  }

  /** What changed since it was last called, by scope; an empty list where the scope is gone. Costs as much as what changed. */
  takeChanges(): Map<string, readonly Observed[]> {
    const changes = new Map([...this.#dirty].map((scope) => [scope, this.#contentOf(scope)]));
    this.#dirty = new Set();
    this.#awaitsPods = false;
    return changes;
  }

  #known<K extends ClusterKind>(kind: K): Map<string, ClusterObjects[K]> {
    const stores: { readonly [N in ClusterKind]: Map<string, ClusterObjects[N]> } = {
      Service: this.#services,
      EndpointSlice: this.#slices,
      Pod: this.#pods,
      Node: this.#nodes,
      Namespace: this.#namespaces,
    };
    return stores[kind] as Map<string, ClusterObjects[K]>;
  }

  #apply(change: Change): void {
    switch (change.kind) {
      case 'Service':
        this.#applyService(change.before, change.after);
        break;
      case 'EndpointSlice':
        this.#applySlice(change.before, change.after);
        break;
      case 'Pod':
        this.#applyPod(change.before, change.after);
        break;
      case 'Node':
        this.#applyNode(change.before, change.after);
        break;
      case 'Namespace':
        this.#applyNamespace(change.before, change.after);
        break;
      default:
        change satisfies never;
    }
  }

  #applyService(before: KubernetesService | undefined, after: KubernetesService | undefined): void {
    const key = store(this.#services, objectKey, before, after);
    this.#dirty.add(serviceScope + key);
  }

  #applySlice(before: KubernetesEndpointSlice | undefined, after: KubernetesEndpointSlice | undefined): void {
    const key = store(this.#slices, objectKey, before, after);
    for (const [slice, change] of [[before, 'delete'] as const, [after, 'add'] as const]) {
      if (!slice) continue;
      const service = serviceKeyOf(slice);
      if (service === undefined) continue;
      this.#slicesByService[change](service, key);
      for (const target of targetsOf(slice)) this.#slicesByTarget[change](target, key);
      this.#awaitsPods ||= change === 'add' && this.#namesUnknownPods(slice);
      this.#touchService(service);
    }
  }

  #applyPod(before: KubernetesPod | undefined, after: KubernetesPod | undefined): void {
    const key = store(this.#pods, objectKey, before, after);
    const touched = new Set<string>([`pod ${key}`]);
    for (const [pod, change] of [[before, 'delete'] as const, [after, 'add'] as const]) {
      if (!pod) continue;
      if (pod.spec?.nodeName) this.#podsByNode[change](pod.spec.nodeName, key);
      for (const address of ownAddresses(pod)) {
        this.#podsByAddress[change](address, key);
        touched.add(`address ${address}`);
      }
    }
    this.#dirty.add(podScope + key);
    for (const target of touched) this.#touchTarget(target);
  }

  #applyNode(before: KubernetesNode | undefined, after: KubernetesNode | undefined): void {
    const name = store(this.#nodes, ({ metadata }) => metadata.name ?? '', before, after);
    for (const key of this.#podsByNode.of(name)) {
      this.#dirty.add(podScope + key);
      this.#touchTarget(`pod ${key}`);
      const pod = this.#pods.get(key);
      for (const address of pod ? ownAddresses(pod) : []) this.#touchTarget(`address ${address}`);
    }
    // Endpoints may name the node themselves. Nodes come and go seldom enough to look through them all.
    for (const slice of this.#slices.values()) {
      const service = serviceKeyOf(slice);
      if (service !== undefined && slice.endpoints?.some(({ nodeName }) => nodeName === name))
        this.#touchService(service);
    }
  }

  #applyNamespace(before: KubernetesNamespace | undefined, after: KubernetesNamespace | undefined): void {
    const name = store(this.#namespaces, ({ metadata }) => metadata.name ?? '', before, after);
    this.#selection.setLabels(name, after && (after.metadata.labels ?? {}));
    const [was, is] = [before, after].map((one) => trafficDistributionOf(undefined, one?.metadata.annotations));
    if (was !== is) for (const key of this.#services.keys()) if (key.startsWith(`${name}/`)) this.#touchService(key);
    const network = after?.metadata.labels?.['topology.istio.io/network'];
    if (name !== 'istio-system' || network === this.#network) return;
    this.#network = network;
    this.touchAll();
  }

  #namesUnknownPods({ metadata, endpoints }: KubernetesEndpointSlice): boolean {
    return (endpoints ?? []).some(({ targetRef }) => {
      if (!targetRef?.name || (targetRef.kind !== undefined && targetRef.kind !== 'Pod')) return false;
      return !this.#pods.has(`${targetRef.namespace || (metadata.namespace ?? 'default')}/${targetRef.name}`);
    });
  }

  #touchTarget(target: string): void {
    for (const sliceKey of this.#slicesByTarget.of(target)) {
      const slice = this.#slices.get(sliceKey);
      const service = slice && serviceKeyOf(slice);
      if (service !== undefined) this.#touchService(service);
    }
  }

  #touchService(key: string): void {
    if (this.#services.has(key)) this.#dirty.add(serviceScope + key);
  }

  #contentOf(scope: string): readonly Observed[] {
    if (scope.startsWith(podScope)) {
      const pod = this.#pods.get(scope.slice(podScope.length));
      const value = pod && this.#selection.has(namespaceOf(pod)) && workloadOf(pod, this.#index, this.#origin);
      return value ? [{ kind: 'workload', value }] : [];
    }
    const object = this.#services.get(scope.slice(serviceScope.length));
    if (!object || !this.#selection.has(namespaceOf(object))) return [];
    const value = serviceOf(object, this.#origin, this.#namespaces.get(namespaceOf(object)));
    const publishNotReady = object.spec?.publishNotReadyAddresses === true;
    return [
      { kind: 'service', value },
      ...endpointsOfService(value, this.#index, { publishNotReady }).map(
        ({ endpoint }): Observed => ({ kind: 'endpoint', value: endpoint }),
      ),
    ];
  }

  /** The API server's controllers make EndpointSlices for every service, those of Endpoints objects included: nothing else is looked at. */
  get #index(): KubernetesIndex {
    return {
      podNamed: (namespace, name) => this.#pods.get(`${namespace}/${name}`),
      podAt: (namespace, address) => this.#pods.get(this.#podsByAddress.last(`${namespace}/${address}`) ?? ''),
      podsSelectedBy: () => [],
      node: (name) => this.#nodes.get(name),
      endpointsOf: () => undefined,
      slicesOf: (namespace, service) =>
        [...this.#slicesByService.of(`${namespace}/${service}`)].sort().flatMap((key) => this.#slices.get(key) ?? []),
      namespaceNamed: (name) => this.#namespaces.get(name),
      network: this.#configuredNetwork ?? this.#network,
    };
  }
}

type Change = {
  readonly [K in ClusterKind]: {
    readonly kind: K;
    readonly before: ClusterObjects[K] | undefined;
    readonly after: ClusterObjects[K] | undefined;
  };
}[ClusterKind];

function keyOf<K extends ClusterKind>(kind: K, object: ClusterObjects[K]): string {
  return kind === 'Node' || kind === 'Namespace' ? (object.metadata.name ?? '') : objectKey(object);
}

function store<T>(
  into: Map<string, T>,
  keyIn: (object: T) => string,
  before: T | undefined,
  after: T | undefined,
): string {
  const key = after ? keyIn(after) : before ? keyIn(before) : '';
  if (after) into.set(key, after);
  else into.delete(key);
  return key;
}

function serviceKeyOf(slice: KubernetesEndpointSlice): string | undefined {
  const name = slice.metadata.labels?.[serviceNameLabel];
  return name === undefined ? undefined : `${namespaceOf(slice)}/${name}`;
}

function targetsOf(slice: KubernetesEndpointSlice): Set<string> {
  const targets = new Set<string>();
  for (const { addresses, targetRef } of slice.endpoints ?? []) {
    const namespace = namespaceOf(slice);
    if (targetRef?.name) targets.add(`pod ${targetRef.namespace || namespace}/${targetRef.name}`);
    for (const address of addresses) targets.add(`address ${namespace}/${address}`);
  }
  return targets;
}

/** `NAMESPACE/IP` of addresses that are the pod's alone. */
function ownAddresses(pod: KubernetesPod): readonly string[] {
  if (pod.spec?.hostNetwork || isFinished(pod)) return [];
  return addressesOf(pod).map((address) => `${namespaceOf(pod)}/${address}`);
}
