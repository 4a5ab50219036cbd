// Who is behind the address that a connection comes from, as far as the registry (in this process's memory) tells.
import type { Endpoint } from '../../../events/model.ts';
import type { AttributeValue } from '../../../mesh/policy/attributes.ts';
import { ipOf } from '../../../mesh/policy/expression/values.ts';
import type { RequestContext } from './request-attributes.ts';

/** Value of a `source.…` attribute that the connection itself does not tell; undefined where several workloads share the address. */
export function sourceAttribute(name: string, { request, registry }: RequestContext): AttributeValue | undefined {
  const socket = request.attributes?.source?.address?.address;
  const address = socket?.case === 'socketAddress' ? ipOf(socket.value.address) : undefined;
  if (address === undefined || registry === undefined) return undefined;
  const [first, ...others] = registry.instancesAt(address).map(({ endpoint }) => endpoint);
  if (first === undefined || others.some((other) => !isSameWorkload(first, other))) return undefined;
  const workload = first.labels['service.istio.io/canonical-name'] ?? first.labels.app;
  switch (name) {
    case 'source.labels':
      return first.labels;
    case 'source.name':
      return first.workload;
    case 'source.namespace':
    case 'source.workload.namespace':
      return first.namespace;
    case 'source.uid':
      return first.workload === undefined ? undefined : `kubernetes://${first.workload}.${first.namespace}`;
    case 'source.workload.name':
      return workload;
    case 'source.workload.uid':
      return workload === undefined ? undefined : `istio://${first.namespace}/workloads/${workload}`;
    default:
      return undefined;
  }
}

function isSameWorkload(a: Endpoint, b: Endpoint): boolean {
  return a.namespace === b.namespace && a.workload !== undefined && a.workload === b.workload;
}
