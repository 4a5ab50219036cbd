// The ingress gateway that `istioctl analyze --use-kube=false` takes for installed beside what files hold: a Pod and its Service.
import { type ParsedObject, parseObject } from '../parse.ts';

const namespace = 'istio-system';
const labels = { istio: 'ingressgateway' };
/** Those of Istio's default profile. */
const ports = [
  { name: 'http2', port: 80 },
  { name: 'https', port: 443 },
  { name: 'tcp', port: 31400 },
  { name: 'tls', port: 15443 },
].map((port) => ({ ...port, targetPort: port.port, protocol: 'TCP' }));

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'istio-ingressgateway-dummypod', namespace, labels },
  spec: { containers: [{ name: 'istio-proxy' }] },
};
const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'istio-ingressgateway', namespace },
  spec: { selector: labels, ports },
};

/** `objects`, and the gateway's where none of them has its name. */
export function withIngressGateway(objects: readonly ParsedObject[]): readonly ParsedObject[] {
  const names = new Set(objects.map(keyOf));
  const installed = [pod, service].flatMap((json) => parseObject(json).object ?? []);
  return [...installed.filter((object) => !names.has(keyOf(object))), ...objects];
}

function keyOf({ kind, namespace, name }: ParsedObject): string {
  return `${kind}/${namespace}/${name}`;
}
