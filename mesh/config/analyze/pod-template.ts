// What a Pod of a file is made of, or a Deployment's Pods: whether a proxy is beside the application, and as whom it all runs.
import { isRecord } from '../check-schema.ts';
import type { KubernetesDeployment, KubernetesPod } from '../schemas/kubernetes.ts';
import type { Shown, ShownObjects } from './shown-objects.ts';

/** See the file's first line. */
export interface PodTemplate {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Steps from the object to `spec`, which is as it was written. */
  readonly path: readonly string[];
  readonly spec: Readonly<Record<string, unknown>>;
}

/** Of a Pod: itself. */
export function templateOfPod({ namespace, metadata, object }: Shown<KubernetesPod>): PodTemplate {
  const { labels = {}, annotations = {} } = metadata;
  return { namespace, labels, annotations, path: ['spec'], spec: recordAt(object, ['spec']) };
}

/** Of the Pods that a Deployment makes. */
export function templateOfDeployment({ namespace, object }: Shown<KubernetesDeployment>): PodTemplate {
  const { labels = {}, annotations = {} } = object.spec?.template?.metadata ?? {};
  const path = ['spec', 'template', 'spec'];
  return { namespace, labels, annotations, path, spec: recordAt(object, path) };
}

/** What `spec.containers` (`initContainers`) has, as it was written. */
export function containersOf(
  { spec }: PodTemplate,
  field: 'containers' | 'initContainers' = 'containers',
): readonly Readonly<Record<string, unknown>>[] {
  const containers = spec[field];
  return Array.isArray(containers) ? containers.filter(isRecord) : [];
}

/**
 * Whether a proxy is or will be beside it, by istioctl's rules: a container `istio-proxy`, the label or annotation `sidecar.istio.io/inject`,
 * the namespace's label. Where files show no namespaces it is taken to have one unless it says otherwise.
 */
export function isInMesh(template: PodTemplate, { namespaces, isComplete }: ShownObjects): boolean {
  const containers = [...containersOf(template), ...containersOf(template, 'initContainers')];
  if (containers.some(({ name, image }) => name === 'istio-proxy' && image)) return true;
  const own = template.labels[inject] ?? template.annotations[inject];
  if (own !== undefined) return own === 'true';
  if (namespaces.length === 0 && !isComplete) return true;
  const namespace = namespaces.find(({ name }) => name === template.namespace);
  return namespace?.metadata.labels?.['istio-injection'] === 'enabled';
}

const inject = 'sidecar.istio.io/inject';

function recordAt(object: object, path: readonly string[]): Readonly<Record<string, unknown>> {
  let at: unknown = object;
  for (const step of path) at = isRecord(at) ? at[step] : undefined;
  return isRecord(at) ? at : {};
}
