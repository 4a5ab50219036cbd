// How a resource is named in what commands print.

/** `virtualservice.networking.istio.io/reviews`, as kubectl names what it changed. */
export function resourceTitle(resource: {
  readonly kind: string;
  readonly name: string;
  readonly apiVersion?: string;
}): string {
  const group = resource.apiVersion?.includes('/') ? `.${resource.apiVersion.split('/')[0]}` : '';
  return `${resource.kind.toLowerCase()}${group}/${resource.name}`;
}
