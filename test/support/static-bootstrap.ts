// Turns what an Envoy would be sent into a static bootstrap, so that Envoy itself judges every resource (`--mode validate`).
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TranslationJson } from '../../services/pilot/translate/json.ts';
import { testCertificate } from './test-certificate.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * A bootstrap with the listeners, clusters, routes and endpoints of `resources`. Routes are put into their listeners, endpoints into
 * files in `folder`, where certificates named by path are as well; secrets still come from an SDS server that does not exist, which
 * Envoy leaves for later.
 */
export function staticBootstrap({ resources }: TranslationJson, folder: string): Json {
  const routes = new Map(resources.routes.map((route) => [nameOf(route.name), route]));
  const assignments = new Map(resources.endpoints.map((endpoints) => [nameOf(endpoints.clusterName), endpoints]));
  const clusters = resources.clusters.map((cluster, index) => {
    const eds = cluster.edsClusterConfig as Json | undefined;
    if (eds === undefined) return cluster;
    const path = join(folder, `eds-${index}.json`);
    const assignment = assignments.get(nameOf(eds.serviceName ?? cluster.name));
    if (assignment === undefined) throw new Error(`no endpoints for cluster ${nameOf(cluster.name)}`);
    writeFileSync(path, JSON.stringify(asResponse('envoy.config.endpoint.v3.ClusterLoadAssignment', assignment)));
    const edsConfig = { pathConfigSource: { path }, resourceApiVersion: 'V3' };
    return { ...cluster, edsClusterConfig: { ...eds, edsConfig } };
  });
  const certificatePaths = writeCertificates(folder);
  const bootstrap = {
    node: { id: 'validate', cluster: 'validate' },
    dynamicResources: {
      adsConfig: xdsServer,
    },
    staticResources: {
      listeners: resources.listeners.map((listener) => withInlineRoutes(listener, routes)),
      clusters: [...clusters, grpcCluster('xds-grpc'), grpcCluster('sds-grpc')],
    },
  };
  return withCertificates(bootstrap, certificatePaths) as Json;
}

const xdsServer = {
  apiType: 'DELTA_GRPC',
  transportApiVersion: 'V3',
  grpcServices: [{ envoyGrpc: { clusterName: 'xds-grpc' } }],
};

/** Paths by the field of Envoy's TLS messages that names them. */
type CertificatePaths = Readonly<Record<string, string>>;

function writeCertificates(folder: string): CertificatePaths {
  const { certificate, privateKey, revocationList } = testCertificate('samples');
  const contents = { certificateChain: certificate, privateKey, trustedCa: certificate, crl: revocationList };
  return Object.fromEntries(
    Object.entries(contents).map(([field, text]) => {
      const path = join(folder, `${field}.pem`);
      writeFileSync(path, text);
      return [field, path];
    }),
  );
}

/**
 * Samples name certificate files of machines that are not this one. Secrets over ADS come from the same server on a stream of their own:
 * Envoy has no ADS stream yet when it makes static clusters (1.40 crashes), which clusters from CDS never meet.
 */
function withCertificates(value: unknown, paths: CertificatePaths): unknown {
  if (Array.isArray(value)) return value.map((item) => withCertificates(item, paths));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => {
      const isFile = typeof field === 'object' && field !== null && 'filename' in field;
      if (isFile && paths[key] !== undefined) return [key, { filename: paths[key] }];
      if (key === 'sdsConfig' && 'ads' in field) return [key, { apiConfigSource: xdsServer, resourceApiVersion: 'V3' }];
      return [key, withCertificates(field, paths)];
    }),
  );
}

const nameOf = (value: unknown) => (typeof value === 'string' ? value : '');

function asResponse(message: string, resource: Json): Json {
  return { versionInfo: '1', resources: [{ '@type': `type.googleapis.com/${message}`, ...resource }] };
}

/** A cluster of the agent's bootstrap: present, so that references to it hold; nobody listens. */
function grpcCluster(name: string): Json {
  return {
    name,
    type: 'STATIC',
    typedExtensionProtocolOptions: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicitHttpConfig: { http2ProtocolOptions: {} },
      },
    },
    loadAssignment: {
      clusterName: name,
      endpoints: [
        { lbEndpoints: [{ endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue: 1 } } } }] },
      ],
    },
  };
}

/** `value` with each `rds` replaced by the route configuration it names; like RDS, it may name clusters that do not exist. */
function withInlineRoutes(value: unknown, routes: ReadonlyMap<string, Json>): unknown {
  if (Array.isArray(value)) return value.map((item) => withInlineRoutes(item, routes));
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([key, field]): [string, unknown] => {
    if (key !== 'rds') return [key, withInlineRoutes(field, routes)];
    const { routeConfigName } = field as { readonly routeConfigName: string };
    const route = routes.get(routeConfigName);
    if (route === undefined) throw new Error(`no route configuration ${routeConfigName}`);
    return ['routeConfig', { ...route, validateClusters: false }];
  });
  return Object.fromEntries(fields);
}
