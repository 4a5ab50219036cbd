// Kubernetes objects beside the configuration, as files show them: what analyzers know of pods that have no address, Deployments, namespaces and secrets.
import type { ParsedObject } from '../parse-object.ts';
import type {
  KubernetesDeployment,
  KubernetesNamespace,
  KubernetesPod,
  KubernetesSecret,
  KubernetesService,
  ObjectMetadata,
} from '../schemas/kubernetes.ts';

/** One object. `namespace` is '' where its kind has none. */
export interface ShownObject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly metadata: ObjectMetadata;
}
/** An object with its content. */
export interface Shown<T> extends ShownObject {
  readonly object: T;
}
/** A Secret with its content, which must not go into a finding. */
export interface ShownSecret extends ShownObject {
  readonly secret: KubernetesSecret;
}

/** See the file's first line. Where there are pods, they are all that there are. */
export interface ShownObjects {
  /** Nothing is there but what is shown, as for `istioctl analyze --use-kube=false`: no pods, namespaces or secrets at all means none. */
  readonly isComplete: boolean;
  readonly pods: readonly Shown<KubernetesPod>[];
  readonly deployments: readonly Shown<KubernetesDeployment>[];
  /** As they are written; what they mean is in the registry. */
  readonly services: readonly Shown<KubernetesService>[];
  readonly namespaces: readonly ShownObject[];
  readonly secrets: readonly ShownSecret[];
}

/** Of a live mesh, where the registry and the credentials speak. */
export const nothingShown: ShownObjects = {
  isComplete: false,
  ...{ pods: [], deployments: [], services: [], namespaces: [], secrets: [] },
};

/** Those that are among `objects`, which are all that there is where they are `isComplete`. */
export function shownObjects(objects: readonly ParsedObject[], isComplete = false): ShownObjects {
  const of = <T extends { readonly metadata: ObjectMetadata }>(kind: string) =>
    objects.flatMap((parsed): readonly Shown<T>[] => {
      if (parsed.type !== 'kubernetes' || parsed.kind !== kind) return [];
      const { namespace, name } = parsed;
      const object = parsed.object as unknown as T;
      return [{ kind, namespace, name, metadata: object.metadata, object }];
    });
  return {
    isComplete,
    pods: of<KubernetesPod>('Pod'),
    deployments: of<KubernetesDeployment>('Deployment'),
    services: of<KubernetesService>('Service'),
    namespaces: of<KubernetesNamespace>('Namespace'),
    secrets: of<KubernetesSecret>('Secret').map((shown) => ({ ...shown, secret: shown.object })),
  };
}
