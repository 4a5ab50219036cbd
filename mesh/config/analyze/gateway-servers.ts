// Gateways' servers: ports that their proxies' services do not have, certificates that are missing or that several Gateways share.
import { type ConfigResource, type Service, serviceKey } from '../../../events/model.ts';
import { credentialOf, entriesOfSecret } from '../../credential-material.ts';
import type { Path, Problem } from '../problem.ts';
import type { GatewaySpec, ServerTLSSettings } from '../schemas/gateway.ts';
import { finding, hasLabels, type MeshIndex, nameOf, selectorText } from './mesh-index.ts';
import type { ShownObject } from './shown-objects.ts';

type Gateway = ConfigResource<GatewaySpec>;

/** IST0101, IST0138, IST0161 and IST0162. */
export function analyzeGatewayServers(gateways: readonly Gateway[], index: MeshIndex): readonly Problem[] {
  return [
    ...gateways.flatMap((gateway) => [...unservedPorts(gateway, index), ...missingCredentials(gateway, index)]),
    ...sharedCertificates(gateways),
  ];
}

/** Of those that proxies have asked for: Pilot looks for no others. Of Secrets in files, where there are any, all that a Gateway names. */
function missingCredentials(gateway: Gateway, index: MeshIndex): readonly Problem[] {
  const { credentials } = index.snapshot;
  const named = (name: string) => {
    const plain = name.replace(/^kubernetes:\/\//, '');
    const seen = [...credentials.values()].filter((one) => one.name === plain);
    return { seen, isMissing: seen.length > 0 && seen.every(({ certificate }) => certificate === undefined) };
  };
  return (gateway.spec.servers ?? []).flatMap(({ tls }, i) => {
    const several = tls?.credentialNames ?? [];
    const fields =
      several.length > 0
        ? several.map((name, j) => ({ name, field: ['credentialNames', j] }))
        : [{ name: tls?.credentialName ?? '', field: ['credentialName'] }];
    return fields.flatMap(({ name, field }) => {
      const { seen, isMissing } = named(name);
      if (!isMissing) return unusableSecret(gateway, name, { index, path: ['spec', 'servers', i, 'tls', ...field] });
      const why = seen.map(({ namespace, problem = 'it has no certificate' }) => `${namespace}: ${problem}`).join('; ');
      const message = `Referenced credentialName not found: ${JSON.stringify(name)} (${why})`;
      return [finding(gateway, ['spec', 'servers', i, 'tls', ...field], 'IST0101', message)];
    });
  });
}

/** IST0101 and IST0161. A Secret has to be in the namespace of the Gateway's proxies. */
function unusableSecret(
  gateway: Gateway,
  name: string,
  { index: { shown }, path }: { readonly index: MeshIndex; readonly path: Path },
): readonly Problem[] {
  const proxy = shown.pods.find(({ metadata }) => hasLabels(metadata.labels ?? {}, gateway.spec.selector ?? {}));
  if (name === '' || proxy === undefined || (shown.secrets.length === 0 && !shown.isComplete)) return [];
  const [namespace, plain] = namespacedName(name, proxy.namespace);
  const secret = shown.secrets.find((one) => one.namespace === namespace && one.name === plain);
  if (secret === undefined)
    return [finding(gateway, path, 'IST0101', `Referenced credentialName not found: ${JSON.stringify(name)}`)];
  const { observed } = credentialOf({ namespace, name: plain }, entriesOfSecret(secret.secret));
  if (observed.problem === undefined && observed.certificate !== undefined) return [];
  const message = `The credential referenced by the Gateway ${gateway.name} in namespace ${namespace} is invalid, which can cause the traffic not to work as expected. (${observed.problem ?? 'it has no certificate'})`;
  return [finding(gateway, path, 'IST0161', message)];
}

/** `NAMESPACE/NAME` or `NAME`, with or without `kubernetes://`. */
function namespacedName(name: string, namespace: string): readonly [string, string] {
  const [first = '', second] = name.replace(/^kubernetes:\/\//, '').split('/');
  return second === undefined ? [namespace, first] : [first, second];
}

/** Only where endpoints of the Gateway's proxies are known, or their pods: others may be reached without any service. */
function unservedPorts(gateway: Gateway, { snapshot: { registry }, shown }: MeshIndex): readonly Problem[] {
  const selector = gateway.spec.selector ?? {};
  const pods = shown.pods.filter(({ metadata }) => hasLabels(metadata.labels ?? {}, selector));
  const ports = [...registry.services.values()].flatMap((service) => [
    ...registry
      .endpoints(serviceKey(service))
      .filter(({ labels }) => hasLabels(labels, selector))
      .flatMap((endpoint) => service.ports.flatMap(({ name, port }) => [port, endpoint.ports[name]])),
    ...(pods.some((pod) => isOf(service, pod))
      ? service.ports.flatMap(({ port, targetPort }) => [port, Number(targetPort)])
      : []),
  ]);
  if ((ports.length === 0 && pods.length === 0) || Object.keys(selector).length === 0) return [];
  return (gateway.spec.servers ?? []).flatMap(({ port: { number } }, i) =>
    ports.includes(number)
      ? []
      : [
          finding(
            gateway,
            ['spec', 'servers', i, 'port', 'number'],
            'IST0162',
            `The gateway is listening on a target port (port ${number}) that is not defined in the Service associated with its workload instances (Pod selector ${selectorText(selector)}). If you need to access the gateway port through the gateway Service, it will not be available.`,
          ),
        ],
  );
}

/** Whether a Kubernetes service sends to a pod. */
function isOf({ namespace, selector }: Service, pod: ShownObject): boolean {
  return namespace === pod.namespace && selector !== undefined && hasLabels(pod.metadata.labels ?? {}, selector);
}

/** A client that has a connection for one of them may send requests for the other over it, and is answered 404. */
function sharedCertificates(gateways: readonly Gateway[]): readonly Problem[] {
  return gateways.flatMap((gateway) =>
    gateways
      .filter((other) => other !== gateway && hasLabels(other.spec.selector ?? {}, gateway.spec.selector ?? {}))
      .flatMap((other) =>
        (gateway.spec.servers ?? []).flatMap(({ tls }, i) => {
          if (!(other.spec.servers ?? []).some((server) => sameCertificate(server.tls, tls))) return [];
          const message = `Duplicate certificate in multiple gateways [${nameOf(gateway)} ${nameOf(other)}] may cause 404s if clients re-use HTTP2 connections.`;
          return [finding(gateway, ['spec', 'servers', i, 'tls'], 'IST0138', message)];
        }),
      ),
  );
}

function sameCertificate(a: ServerTLSSettings | undefined, b: ServerTLSSettings | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  if (a.credentialName || b.credentialName) return a.credentialName === b.credentialName;
  return (
    Boolean(a.serverCertificate && a.privateKey) &&
    a.serverCertificate === b.serverCertificate &&
    a.privateKey === b.privateKey
  );
}
