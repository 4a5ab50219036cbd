// Istio's annotations on Services, and on Pods, Deployments and Namespaces of files: names that nobody knows, that are for other kinds, or that are deprecated; values that are none.
import { formatPath, type Problem } from '../problem.ts';
import { annotationProblem } from './annotation-values.ts';
import type { MeshIndex } from './mesh-index.ts';

/** What istio.io/latest/docs/reference/config/annotations says of one. */
interface KnownAnnotation {
  /** Kinds that it is for; `Any`. */
  readonly kinds: readonly string[];
  readonly deprecated: boolean;
  /** What the message adds. */
  readonly instead?: string;
}

const on = (kinds: string, ...names: readonly string[]) =>
  names.map((name): readonly [string, KnownAnnotation] => [name, { kinds: kinds.split(' '), deprecated: false }]);
const deprecatedOn = (kinds: string, ...names: readonly string[]) =>
  on(kinds, ...names).map(([name, known]): readonly [string, KnownAnnotation] => [
    name,
    { ...known, deprecated: true },
  ]);
const within = (prefix: string, names: string) => names.split(' ').map((name) => `${prefix}.istio.io/${name}`);

/** By name, as istio/api lists them. */
const known: ReadonlyMap<string, KnownAnnotation> = new Map([
  ...on('Service', 'networking.istio.io/exportTo', 'traffic.istio.io/nodeSelector'),
  ...deprecatedOn('Service', ...within('alpha', 'kubernetes-serviceaccounts canonical-serviceaccounts')),
  ...on('Namespace Service ServiceEntry', 'networking.istio.io/traffic-distribution'),
  ...on('Service ServiceEntry Namespace', 'istio.io/use-waypoint-canary-weight'),
  ...on('Namespace', 'topology.istio.io/controlPlaneClusters'),
  ...on('Any', 'galley.istio.io/analyze-suppress', 'gateway.istio.io/controller-version'),
  ...on('Ingress', 'kubernetes.io/ingress.class'),
  ...on('AuthorizationPolicy', 'istio.io/dry-run'),
  ...on('GatewayClass Gateway', 'ambient.istio.io/waypoint-inbound-binding'),
  ...on('Gateway', ...within('gateway', 'service-account name-override'), 'networking.istio.io/service-type'),
  ...on(
    'WorkloadEntry',
    ...['autoRegistrationGroup', 'workloadController', 'connectedAt', 'disconnectedAt'].map(
      (name) => `istio.io/${name}`,
    ),
  ),
  ...on(
    'Pod',
    ...within(
      'sidecar',
      'status rewriteAppHTTPProbers proxyImage proxyImageType proxyCPU proxyCPULimit proxyMemory proxyMemoryLimit interceptionMode bootstrapOverride statsHistogramBuckets statsFlushInterval statsEvictionInterval statsHistogramBins userVolume userVolumeMount logLevel componentLogLevel agentLogLevel nativeSidecar',
    ),
    ...within('readiness.status.sidecar', 'initialDelaySeconds periodSeconds failureThreshold applicationPorts'),
    ...within(
      'traffic.sidecar',
      'includeOutboundIPRanges excludeOutboundIPRanges includeInboundPorts excludeInboundPorts excludeInterfaces includeOutboundPorts excludeOutboundPorts',
    ),
    ...within('ambient', 'redirection bypass-inbound-capture dns-capture'),
    'status.sidecar.istio.io/port',
    'prometheus.istio.io/merge-metrics',
    'proxy.istio.io/config',
    'proxy.istio.io/overrides',
    'inject.istio.io/templates',
    'istio.io/rev',
    'istio.io/reroute-virtual-interfaces',
  ),
  ...deprecatedOn(
    'Pod',
    ...within(
      'sidecar',
      'discoveryAddress statsInclusionPrefixes statsInclusionSuffixes statsInclusionRegexps extraStatTags statsCompression',
    ),
    'traffic.sidecar.istio.io/kubevirtInterfaces',
  ),
  [
    'sidecar.istio.io/inject',
    { kinds: ['Pod'], deprecated: true, instead: ' in favor of the "sidecar.istio.io/inject" label' },
  ],
]);

/** IST0107 (for another kind), IST0108 (nobody knows it), IST0125 (its value) and IST0135 (deprecated), in istioctl's words. */
export function analyzeAnnotations({ snapshot, shown }: MeshIndex): readonly Problem[] {
  const services = [...snapshot.registry.services.values()].map((service): Owner => ({ kind: 'Service', ...service }));
  const others = [...shown.pods, ...shown.deployments, ...shown.namespaces].map(
    ({ metadata: { labels, annotations }, ...key }): Owner => ({ ...key, labels, annotations }),
  );
  return [...services, ...others].flatMap((owner) =>
    Object.entries(owner.annotations ?? {})
      .filter(([name]) => name === 'kubernetes.io/ingress.class' || name.split('/', 1)[0]?.endsWith('istio.io'))
      .flatMap(([name, value]) => findings(name, value, owner)),
  );
}

/** What may carry annotations. */
interface Owner {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

function findings(name: string, value: string, owner: Owner): readonly Problem[] {
  const annotation = known.get(name);
  if (annotation === undefined) return [problem(owner, name, 'IST0108', `Unknown annotation: ${name}`)];
  const { kinds, deprecated, instead = '' } = annotation;
  const old = `Annotation "${name}" has been deprecated${instead} and may not work in future Istio versions.`;
  const isMisplaced = !kinds.includes('Any') && !kinds.includes(owner.kind);
  // Who has the label that takes its place keeps it for older versions.
  const isKept = name === 'sidecar.istio.io/inject' && owner.labels?.[name] !== undefined;
  const invalid = isMisplaced ? undefined : annotationProblem(name, value);
  return [
    ...(deprecated && !isKept ? [problem(owner, name, 'IST0135', old)] : []),
    ...(isMisplaced
      ? [problem(owner, name, 'IST0107', `Misplaced annotation: ${name} can only be applied to ${kinds.join(', ')}`)]
      : []),
    ...(invalid === undefined ? [] : [problem(owner, name, 'IST0125', `Invalid annotation ${name}: ${invalid}`)]),
  ];
}

function problem({ kind, namespace, name }: Owner, annotation: string, code: string, message: string): Problem {
  const path = formatPath(['metadata', 'annotations', annotation]);
  return { severity: 'warning', resource: `${kind}/${namespace}/${name}`, path, code, message };
}
