// The extension providers that a proxy's Telemetries name, each with the cluster that reaches its service.
import type { Service } from '../../../../events/model.ts';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { ExtensionProvider } from '../../../../mesh/config/schemas/extension-provider.ts';
import type { Snapshot } from '../../../../mesh/snapshot.ts';
import type { Memo } from '../memo.ts';
import { subsetKey } from '../names.ts';
import type { Lookups } from '../routes/lookups.ts';

/** A service's port as Envoy's extensions name it. */
export interface ServiceTarget {
  /** The service's host: what Envoy's calls have as their authority, as Istio's. '' for providers that have none. */
  readonly authority: string;
  /** '' for providers that have no service. */
  readonly cluster: string;
}

/** A provider that the proxy can use. */
export interface ProviderTarget extends ServiceTarget {
  readonly provider: ExtensionProvider;
  /** The service that its sampler asks, where it is another. */
  readonly sampler?: ServiceTarget;
}

/** Istio's built-in access log: text to `/dev/stdout`. */
export const builtinLog = 'envoy';

/** The provider's name as the mesh configuration writes it: Istio compares such names without regard to case. */
export function providerName(name: string, { extensionProviders = [] }: MeshConfig): string {
  const lower = name.toLowerCase();
  return (
    [...builtinNames, ...extensionProviders.map((one) => one.name)].find((one) => one.toLowerCase() === lower) ?? name
  );
}

/** Name of the provider that `defaultConfig.tracing.zipkin` stands for; no resource can name it so. */
export const bootstrapTracer = 'defaultConfig.tracing/zipkin';

/** Those of the mesh, and the receiver that Istio's proxies have in their bootstrap. */
function providersOf({ extensionProviders = [], tracing }: MeshConfig, memo: Memo): readonly ExtensionProvider[] {
  const address = /^\[?([^\]]+?)\]?:(\d+)$/.exec(tracing?.zipkin?.address ?? '');
  if (tracing === undefined || address === null) return extensionProviders;
  const [, service = '', port] = address;
  const zipkin = { service, port: Number(port) };
  return [
    ...extensionProviders,
    memo.get('bootstrap-tracer', [tracing], (): ExtensionProvider => ({ name: bootstrapTracer, zipkin })),
  ];
}

const builtinNames = ['prometheus', builtinLog];

/** Those of `names` that are configured and whose service exists. The same array for all proxies for which it is the same. */
export function providerTargets(names: readonly string[], { scope, memo }: Lookups): readonly ProviderTarget[] {
  if (names.length === 0) return none;
  const { mesh } = scope.snapshot;
  const providers = providersOf(mesh, memo).filter(({ name }) => names.includes(name));
  const targets = providers.flatMap((provider) => {
    const server = serverOf(provider);
    if (server === undefined)
      return [memo.get('provider-target', [provider], () => ({ provider, authority: '', cluster: '' }))];
    // Envoy refuses a listener that names a cluster it does not have.
    const service = targetOf(server, scope.snapshot);
    if (service === undefined) return [];
    const asked = samplerOf(provider);
    const sampler = asked && targetOf(asked, scope.snapshot);
    return [
      memo.get('provider-target', [provider, service.cluster, sampler?.cluster], () => ({
        provider,
        ...service,
        ...(sampler ? { sampler } : {}),
      })),
    ];
  });
  return memo.stable(`provider-targets ${names.join()}`, mesh, targets);
}

const none: readonly ProviderTarget[] = [];

/** A service's port that proxies report to. */
export interface ProviderService {
  readonly service: Service;
  readonly port: number;
}

/** Services of all configured providers: proxies call them whatever Sidecars and exportTo show. The same array while it is the same. */
export function providerServices({ mesh, registry }: Snapshot, memo: Memo): readonly ProviderService[] {
  const servers = providersOf(mesh, memo).flatMap((provider) => [serverOf(provider), samplerOf(provider)]);
  const found = servers.flatMap((server) => {
    const service = server && serviceOf(server, { registry });
    if (server === undefined || service === undefined) return [];
    return [memo.get('provider-service', [service, server.port], () => ({ service, port: server.port }))];
  });
  return found.length === 0 ? noServices : memo.stable('provider-services', mesh, found);
}

const noServices: readonly ProviderService[] = [];

interface Server {
  readonly service: string;
  readonly port: number;
}

/** `service` is a hostname, or `NAMESPACE/HOSTNAME`. */
function serviceOf({ service: name, port }: Server, { registry }: Pick<Snapshot, 'registry'>): Service | undefined {
  const [namespace, host = ''] = name.includes('/') ? name.split('/') : [undefined, name];
  // `zipkin.istio-system`, as pods may write it.
  return ['', '.svc.cluster.local', '.cluster.local']
    .flatMap((suffix) => registry.servicesOf(host + suffix))
    .find((one) => (namespace === undefined || one.namespace === namespace) && one.ports.some((p) => p.port === port));
}

function serverOf(provider: ExtensionProvider): Server | undefined {
  const { envoyHttpAls, envoyTcpAls, envoyOtelAls, opentelemetry, zipkin, skywalking, datadog } = provider;
  return envoyHttpAls ?? envoyTcpAls ?? envoyOtelAls ?? opentelemetry ?? zipkin ?? skywalking ?? datadog;
}

function samplerOf({ opentelemetry }: ExtensionProvider): Server | undefined {
  return opentelemetry?.dynatraceSampler?.httpService;
}

function targetOf(server: Server, snapshot: Pick<Snapshot, 'registry'>): ServiceTarget | undefined {
  const service = serviceOf(server, snapshot);
  if (service === undefined) return undefined;
  const { hostname } = service;
  return { authority: hostname, cluster: subsetKey('outbound', server.port, '', hostname) };
}

/** A gRPC service at the target. */
export function grpcServiceOf({ cluster, authority }: ServiceTarget) {
  return { targetSpecifier: { case: 'envoyGrpc' as const, value: { clusterName: cluster, authority } } };
}
