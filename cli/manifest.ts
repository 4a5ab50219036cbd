// A configuration resource in the form in which people write and kubectl prints it.
import type { ConfigResource } from '../events/model.ts';

/** The Kubernetes form: apiVersion, kind, metadata, spec. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly creationTimestamp?: string;
  };
  readonly spec: unknown;
}

/** `resource` as a manifest; what it does not have is left out. */
export function manifestOf(resource: ConfigResource): Manifest {
  const { apiVersion, kind, name, namespace, labels, annotations, createdAt, spec } = resource;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(createdAt === undefined ? {} : { creationTimestamp: createdAt }),
    },
    spec,
  };
}

/** `virtualservice.networking.istio.io/reviews`, as kubectl names what it changed. */
export function resourceTitle(resource: { readonly kind: string; readonly name: string; readonly apiVersion?: string }): string {
  const group = resource.apiVersion?.includes('/') ? `.${resource.apiVersion.split('/')[0]}` : '';
  return `${resource.kind.toLowerCase()}${group}/${resource.name}`;
}
