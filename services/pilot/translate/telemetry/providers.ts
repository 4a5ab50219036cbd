// The extension providers that a proxy's Telemetries name, each with the cluster that reaches its service.
import type { ExtensionProvider } from '../../../../mesh/config/schemas/extension-provider.ts';
import { subsetKey } from '../names.ts';
import type { Lookups } from '../routes/lookups.ts';

/** A provider that the proxy can use. */
export interface ProviderTarget {
  readonly provider: ExtensionProvider;
  /** `host:port` of its service; '' for providers that have none. */
  readonly authority: string;
  /** '' for providers that have no service. */
  readonly cluster: string;
}

/**
 * Those of `names` that are configured and whose service the proxy sees: Envoy refuses a listener that names a cluster it does
 * not have. The same array for all proxies for which it is the same.
 */
export function providerTargets(names: readonly string[], { scope, memo }: Lookups): readonly ProviderTarget[] {
  if (names.length === 0) return none;
  const { mesh } = scope.snapshot;
  const providers = (mesh.extensionProviders ?? []).filter(({ name }) => names.includes(name));
  const targets = providers.flatMap((provider) => {
    const server = serverOf(provider);
    if (server === undefined)
      return [memo.get('provider-target', [provider], () => ({ provider, authority: '', cluster: '' }))];
    const [namespace, host] = server.service.includes('/') ? server.service.split('/') : [undefined, server.service];
    const service = scope.egress
      .flatMap(({ services }) => services)
      .find(
        (candidate) =>
          candidate.hostname === host &&
          (namespace === undefined || candidate.namespace === namespace) &&
          candidate.ports.some(({ port }) => port === server.port),
      );
    if (service === undefined) return [];
    const cluster = subsetKey('outbound', server.port, '', service.hostname);
    return [
      memo.get('provider-target', [provider, cluster], () => ({
        provider,
        authority: `${service.hostname}:${server.port}`,
        cluster,
      })),
    ];
  });
  return memo.stable(`provider-targets ${names.join()}`, mesh, targets);
}

const none: readonly ProviderTarget[] = [];

function serverOf(provider: ExtensionProvider): { readonly service: string; readonly port: number } | undefined {
  const { envoyHttpAls, envoyTcpAls, envoyOtelAls, opentelemetry, zipkin } = provider;
  return envoyHttpAls ?? envoyTcpAls ?? envoyOtelAls ?? opentelemetry ?? zipkin;
}

/** A gRPC service at the target. */
export function grpcServiceOf({ cluster, authority }: ProviderTarget) {
  return { targetSpecifier: { case: 'envoyGrpc' as const, value: { clusterName: cluster, authority } } };
}
