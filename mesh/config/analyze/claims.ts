// VirtualServices that route by a token's claims at gateways where no RequestAuthentication reads tokens.
import type { Problem } from '../problem.ts';
import type { GatewaySpec } from '../schemas/gateway.ts';
import type { RequestAuthenticationSpec } from '../schemas/request-authentication.ts';
import type { VirtualServiceSpec } from '../schemas/virtual-service.ts';
import { finding, hasLabels, type MeshIndex } from './mesh-index.ts';

/** Istio's prefix of headers that stand for claims (istio.io/latest/docs/tasks/security/authentication/jwt-route). */
const claimHeader = /^@request\.auth\.claims[.[]/;

/** IST0149. Where no proxy of the Gateway is known, its selector stands for their labels. */
export function analyzeClaims(index: MeshIndex): readonly Problem[] {
  const { config, mesh } = index.snapshot;
  const readers = config.list<RequestAuthenticationSpec>('RequestAuthentication');
  return config.list<VirtualServiceSpec>('VirtualService').flatMap((virtualService) => {
    const used = claimIn(virtualService.spec);
    if (used === undefined) return [];
    return (virtualService.spec.gateways ?? []).flatMap((reference, i) => {
      const [first = '', second] = reference.split('/');
      const [namespace, name] = second === undefined ? [virtualService.namespace, first] : [first, second];
      const gateway = config.get<GatewaySpec>('Gateway', namespace, name);
      if (reference === 'mesh' || gateway === undefined) return [];
      const selector = gateway.spec.selector ?? {};
      const proxies = index.workloads().filter(({ labels }) => hasLabels(labels, selector));
      const all = proxies.length > 0 ? proxies : [{ name, namespace: undefined, labels: selector }];
      const unread = all.filter(
        (proxy) =>
          !readers.some(
            (reader) =>
              (proxy.namespace === undefined || [mesh.rootNamespace, proxy.namespace].includes(reader.namespace)) &&
              hasLabels(proxy.labels, reader.spec.selector?.matchLabels ?? {}),
          ),
      );
      if (unread.length === 0) return [];
      const message = `The virtual service uses the JWT claim based routing (key: ${used}) but found no request authentication for the gateway (${namespace}/${name}) pod (${unread[0]?.name}). The request authentication must first be applied for the gateway pods to validate the JWT token and make the claims available for routing.`;
      return [finding(virtualService, ['spec', 'gateways', i], 'IST0149', message)];
    });
  });
}

function claimIn({ http = [] }: VirtualServiceSpec): string | undefined {
  const matches = http.flatMap(({ match = [] }) => match);
  return matches
    .flatMap(({ headers = {}, withoutHeaders = {} }) => [...Object.keys(headers), ...Object.keys(withoutHeaders)])
    .find((name) => claimHeader.test(name));
}
