// Parsed files into what they show: Kubernetes objects through the Kubernetes translation, everything else as configuration.
import type { ParsedKubernetes, ParsedObject } from '../../mesh/config/parse.ts';
import type {
  KubernetesEndpointSlice,
  KubernetesEndpoints,
  KubernetesNamespace,
  KubernetesNode,
  KubernetesPod,
  KubernetesService,
} from '../../mesh/config/schemas/kubernetes.ts';
import type { Observed } from '../adapter.ts';
import { objectKey } from '../kubernetes/kubernetes-set.ts';
import { type Shown, translateKubernetes } from '../kubernetes/translate.ts';

/** A file that was parsed without problems. */
export interface ParsedFile {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  readonly objects: readonly ParsedObject[];
}

/** The `platform` of what files show. */
export const filesPlatform = 'files';

/** Scope of endpoints that no single file shows: their Service is in one file, their Pod or EndpointSlice in another. */
export const joinedScope = '*';

/** Everything that `files` show together; what offline commands translate, by the same path as production. */
export function translateFiles(files: readonly ParsedFile[]): readonly Observed[] {
  return [...translateByFile(files).values()].flat();
}

/** What each file shows, by path, and under `joinedScope` what they only show together. Every file has an entry. */
export function translateByFile(files: readonly ParsedFile[]): ReadonlyMap<string, readonly Observed[]> {
  const contents = new Map<string, Observed[]>([
    ...files.map(({ path }) => [path, []] as [string, Observed[]]),
    [joinedScope, []],
  ]);
  const fileOf = new Map<string, string>();
  for (const { path, objects } of files) {
    for (const parsed of objects) {
      fileOf.set(`${parsed.kind}/${parsed.namespace}/${parsed.name}`, path);
      if (parsed.type === 'config') contents.get(path)?.push({ kind: 'config', value: parsed.resource });
    }
  }
  for (const shown of translateKubernetes(kubernetesIn(files), { platform: filesPlatform })) {
    contents.get(scopeOf(shown, fileOf))?.push(shown.observed);
  }
  return contents;
}

function scopeOf({ observed, shownBy }: Shown, fileOf: ReadonlyMap<string, string>): string {
  const path = fileOf.get(shownBy) ?? joinedScope;
  if (observed.kind !== 'endpoint') return path;
  const { namespace, hostname } = observed.value;
  return fileOf.get(`Service/${namespace}/${hostname.split('.')[0]}`) === path ? path : joinedScope;
}

function kubernetesIn(files: readonly ParsedFile[]) {
  const objects = files.flatMap((file) => file.objects.filter((parsed) => parsed.type === 'kubernetes'));
  const of = <T>(kind: string) => objects.filter((parsed) => parsed.kind === kind).map(identified) as readonly T[];
  return {
    services: of<KubernetesService>('Service'),
    endpoints: of<KubernetesEndpoints>('Endpoints'),
    endpointSlices: of<KubernetesEndpointSlice>('EndpointSlice'),
    pods: of<KubernetesPod>('Pod'),
    nodes: of<KubernetesNode>('Node'),
    namespaces: of<KubernetesNamespace>('Namespace'),
  };
}

/** The object with the namespace that parsing gave it. */
function identified({ object, namespace, name }: ParsedKubernetes): unknown {
  if (namespace === '' || objectKey(object) === `${namespace}/${name}`) return object;
  return { ...object, metadata: { ...object.metadata, namespace, name } };
}
