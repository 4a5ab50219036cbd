// Which Gateways lead to a service: their servers, hosts, certificates and the proxies that listen. Pure.
import type { ConfigResource } from '../../../events/model.ts';
import { configKey } from '../../../events/model.ts';
import type { GatewaySpec, Server } from '../../../mesh/config/schemas/gateway.ts';
import type { VirtualServiceSpec } from '../../../mesh/config/schemas/virtual-service.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { matchesLabels } from '../translate/compute-proxy-scope.ts';
import { hostsForNamespace, intersectHosts } from '../translate/routes/hostname.ts';
import type { SeenProxy } from './describe-service.ts';
import type { DescribedCredential, DescribedExposure } from './description.ts';

/** What of one VirtualService's hosts its Gateways serve; a Gateway that is not there, or has none of the hosts, says so. */
export function describeExposures(
  snapshot: Snapshot,
  virtualService: ConfigResource<VirtualServiceSpec>,
  proxies: readonly SeenProxy[],
): readonly DescribedExposure[] {
  const { gateways = [], hosts = [] } = virtualService.spec;
  const all = snapshot.config.list<GatewaySpec>('Gateway');
  return gateways
    .filter((name) => name !== 'mesh')
    .map((name): DescribedExposure => {
      const full = name.includes('/') ? name : `${virtualService.namespace}/${name}`;
      const via = configKey(virtualService);
      const gateway = all.find((one) => `${one.namespace}/${one.name}` === full);
      if (gateway === undefined)
        return { resource: `Gateway/${full}`, why: `${via} names it: it does not exist`, servers: [], proxies: [] };
      const listening = proxies.filter(
        ({ connected, context }) =>
          connected && context.type === 'router' && matchesLabels(gateway.spec.selector ?? {}, context.labels),
      );
      const servers = (gateway.spec.servers ?? []).flatMap((server) => {
        const common = intersectHosts(hostsForNamespace(ofOwn(server.hosts, gateway), virtualService.namespace), hosts);
        return common.length === 0 ? [] : [describeServer(snapshot, server, common, listening)];
      });
      const why = servers.length === 0 ? `${via} names it: none of its servers has a common host` : `${via} names it`;
      return { resource: configKey(gateway), why, servers, proxies: listening.map(({ id }) => id) };
    });
}

/** `./host` is for the Gateway's own namespace. */
function ofOwn(hosts: readonly string[], { namespace }: ConfigResource): readonly string[] {
  return hosts.map((host) => (host.startsWith('./') ? `${namespace}${host.slice(1)}` : host));
}

function describeServer(
  snapshot: Snapshot,
  { port, hosts: _, tls }: Server,
  hosts: readonly string[],
  proxies: readonly SeenProxy[],
) {
  const names = tls?.credentialNames?.length ? tls.credentialNames : tls?.credentialName ? [tls.credentialName] : [];
  const namespaces = [...new Set(proxies.map(({ context }) => context.namespace))].sort();
  return {
    port: port.number,
    protocol: port.protocol,
    hosts,
    ...(tls?.mode ? { tls: tls.mode } : {}),
    ...(tls?.httpsRedirect ? { httpsRedirect: true } : {}),
    credentials: namespaces.flatMap((namespace) => names.map((name) => describeCredential(snapshot, namespace, name))),
  };
}

/** Gateways read credentials of their own namespace. */
function describeCredential({ credentials }: Snapshot, namespace: string, credentialName: string): DescribedCredential {
  const name = credentialName.replace(/^kubernetes:\/\//, '');
  const seen = credentials.get(`${namespace}/${name}`);
  return {
    name: `${namespace}/${name}`,
    ...(seen?.certificate ? { fingerprint: seen.certificate.fingerprint, notAfter: seen.certificate.notAfter } : {}),
    ...(seen?.certificate ? {} : { problem: seen?.problem ?? 'not found' }),
  };
}
