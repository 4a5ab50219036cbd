// Headers of providers whose value is a variable of the control plane's environment (`envName`): how tokens stay out of configuration.
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import {
  type ExtensionProvider,
  isOwnVariable,
  type ProviderHeader,
  type ProviderHttpService,
} from '../../../../mesh/config/schemas/extension-provider.ts';
import type { Snapshot } from '../../../../mesh/snapshot.ts';
import type { Memo } from '../memo.ts';

/** Variables by name. The object's identity stands for its contents: it never changes. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Of what shows configuration to people, and of what has no environment: values are empty. */
export const noEnvironment: Environment = {};

/** `snapshot` with the values of such headers; the given one where there are none. The same object while both are. */
export function withHeaderValues(snapshot: Snapshot, environment: Environment, memo: Memo): Snapshot {
  const { mesh } = snapshot;
  if (environment === noEnvironment || mesh.extensionProviders === undefined) return snapshot;
  const filled = memo.get('mesh-with-headers', [mesh, environment], () => meshWith(mesh, environment));
  if (filled === mesh) return snapshot;
  return memo.get('snapshot-with-headers', [snapshot, filled], () => ({ ...snapshot, mesh: filled }));
}

function meshWith(mesh: MeshConfig, environment: Environment): MeshConfig {
  const { extensionProviders = [] } = mesh;
  const filled = extensionProviders.map((provider) => providerWith(provider, environment));
  return filled.every((provider, index) => provider === extensionProviders[index])
    ? mesh
    : { ...mesh, extensionProviders: filled };
}

function providerWith(provider: ExtensionProvider, environment: Environment): ExtensionProvider {
  if (!JSON.stringify(provider).includes('"envName"')) return provider;
  const { opentelemetry, zipkin } = provider;
  const headers = (given: readonly ProviderHeader[]) => given.map((header) => headerWith(header, environment));
  const http = (given: ProviderHttpService): ProviderHttpService =>
    given.headers ? { ...given, headers: headers(given.headers) } : given;
  if (zipkin?.headers) return { ...provider, zipkin: { ...zipkin, headers: headers(zipkin.headers) } };
  if (opentelemetry === undefined) return provider;
  const { grpc, dynatraceSampler: sampler } = opentelemetry;
  const service = sampler?.httpService;
  return {
    ...provider,
    opentelemetry: {
      ...opentelemetry,
      ...(opentelemetry.http ? { http: http(opentelemetry.http) } : {}),
      ...(grpc?.initialMetadata ? { grpc: { ...grpc, initialMetadata: headers(grpc.initialMetadata) } } : {}),
      ...(sampler && service?.http
        ? { dynatraceSampler: { ...sampler, httpService: { ...service, http: http(service.http) } } }
        : {}),
    },
  };
}

function headerWith({ name, value, envName }: ProviderHeader, environment: Environment): ProviderHeader {
  if (envName === undefined) return value === undefined ? { name } : { name, value };
  return { name, value: (isOwnVariable(envName) ? undefined : environment[envName]) ?? '' };
}
