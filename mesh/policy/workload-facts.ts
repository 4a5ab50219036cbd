// What Pilot knows of a workload when it configures its proxy: attributes that no request has to be asked for.
import type { AttributeValue } from './attributes.ts';

/** Facts of the workload that a proxy stands before, joined at configuration time. */
export interface WorkloadFacts {
  readonly namespace: string;
  /** Of the pod, allocation or machine; '' when unknown. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly trustDomain: string;
  readonly isGateway: boolean;
  /** Of the platform's cluster; absent: not known. */
  readonly clusterId?: string;
  /** Hostnames of its services, by the port on the workload that receives for them. */
  readonly services: Readonly<Record<string, string>>;
}

/** Values of attributes that are the same for every request to a workload; `undefined` says that one is absent for all. */
export type KnownAttributes = ReadonlyMap<string, AttributeValue | undefined>;

const known = new WeakMap<WorkloadFacts, KnownAttributes>();

/** The attributes that follow from `facts`. Those that depend on the port are there when all ports agree. */
export function knownAttributes(facts: WorkloadFacts): KnownAttributes {
  const before = known.get(facts);
  if (before !== undefined) return before;
  const { namespace, name, labels, serviceAccount, trustDomain, isGateway, clusterId } = facts;
  const uid = name === '' ? undefined : `kubernetes://${name}.${namespace}`;
  const workload = labels['service.istio.io/canonical-name'] ?? labels.app;
  const account = serviceAccount === '' ? undefined : `${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
  const values = new Map<string, AttributeValue | undefined>([
    ['destination.uid', uid],
    ['destination.name', name === '' ? undefined : name],
    ['destination.namespace', namespace],
    ['destination.labels', labels],
    ['destination.principal', account],
    ['destination.user', account],
    ['destination.cluster.id', clusterId],
    ['destination.owner', undefined],
    ['destination.workload.name', workload],
    ['destination.workload.namespace', namespace],
    ['destination.workload.uid', workload === undefined ? undefined : `istio://${namespace}/workloads/${workload}`],
    ['destination.container.name', undefined],
    ['destination.container.image', undefined],
    ['context.reporter.kind', isGateway ? 'outbound' : 'inbound'],
    ['context.reporter.uid', uid],
    ...serviceAttributes(facts),
  ]);
  known.set(facts, values);
  return values;
}

/** Of the service behind every port, when there is one alone. */
function serviceAttributes({ services }: WorkloadFacts): readonly (readonly [string, AttributeValue | undefined])[] {
  const hosts = new Set(Object.values(services));
  if (hosts.size > 1) return [];
  const [host] = hosts;
  return serviceOf(host);
}

/** Attributes of a service by its hostname. */
function serviceOf(host: string | undefined): readonly (readonly [string, AttributeValue | undefined])[] {
  const [name, namespace, kind] = host?.split('.') ?? [];
  const isKubernetes = kind === 'svc';
  return [
    ['destination.service.host', host],
    ['destination.service', host],
    ['destination.service.name', isKubernetes ? name : host],
    ['destination.service.namespace', isKubernetes ? namespace : undefined],
    ['destination.service.uid', isKubernetes ? `istio://${namespace}/services/${name}` : undefined],
  ];
}

/** Value of a `destination.service…` attribute, of the service behind the port that a request came to; undefined for any other attribute. */
export function serviceAttribute(
  name: string,
  { services }: WorkloadFacts,
  port: number | undefined,
): AttributeValue | undefined {
  if (!name.startsWith('destination.service')) return undefined;
  return serviceOf(services[String(port)]).find(([known]) => known === name)?.[1];
}

/** Whether a rule is for a workload: of its namespace or the root namespace, with its labels. */
export function isFor(
  rule: { readonly resource: { readonly namespace: string }; readonly selector: Readonly<Record<string, string>> },
  facts: Pick<WorkloadFacts, 'namespace' | 'labels'>,
  rootNamespace: string,
): boolean {
  const { namespace } = rule.resource;
  if (namespace !== rootNamespace && namespace !== facts.namespace) return false;
  return Object.entries(rule.selector).every(([key, value]) => facts.labels[key] === value);
}
