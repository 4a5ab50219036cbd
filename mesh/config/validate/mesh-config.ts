// Validates Istio's `mesh` document beyond its schema (istio.io/latest/docs/reference/config/istio.mesh.v1alpha1).
import { StatusCode } from '../../../gen/envoy/type/v3/http_status_pb.js';
import { durationMs } from '../quantities.ts';
import { type ExtensionProvider, isOwnVariable, type ProviderHeader } from '../schemas/extension-provider.ts';
import type { MeshConfigSpec } from '../schemas/mesh-config.ts';
import { isAddress, isDnsLabel, isDnsName } from './hosts.ts';
import { checkRetries } from './http-policies.ts';
import { checkLocality } from './load-balancer.ts';
import { forEachAt, type Place } from './place.ts';
import { checkPort, checkUnique } from './ports.ts';
import { checkClientTls, checkConnectionPool, checkOutlierDetection } from './traffic-policy.ts';

const defaultRootNamespace = 'istio-system';

/** Istio's bounds of `connectTimeout`, ms. */
const connectTimeoutBoundsMs = [1, 3_600_000] as const;

/** Reports what Istio would refuse; extension providers' faults too, which Istio logs and leaves to fail when they are used. */
export function checkMeshSettings(spec: MeshConfigSpec, place: Place): void {
  const { connectTimeout, localityLbSetting, defaultHttpRetryPolicy, defaultTrafficPolicy, extensionProviders } = spec;
  const [least, most] = connectTimeoutBoundsMs;
  const connectMs = connectTimeout === undefined ? undefined : durationMs(connectTimeout);
  if (connectMs !== undefined && (connectMs < least || connectMs > most))
    place.at('connectTimeout').error(`expected 1ms to 1h, found ${connectTimeout}`);
  if (localityLbSetting) checkLocality(localityLbSetting, place.at('localityLbSetting'));
  if (defaultHttpRetryPolicy) checkRetries(defaultHttpRetryPolicy, place.at('defaultHttpRetryPolicy'));
  const { proxyHttpPort = 0 } = spec;
  if (proxyHttpPort > 65_535) place.at('proxyHttpPort').error(`expected 0 to 65535, found ${proxyHttpPort}`);
  const { tls } = spec.outboundTrafficPolicy ?? {};
  const tlsPlace = place.at('outboundTrafficPolicy', 'tls');
  if (tls) checkClientTls(tls, tlsPlace, spec.rootNamespace || defaultRootNamespace);
  if (tls?.mode === 'ISTIO_MUTUAL')
    tlsPlace.at('mode').error('ISTIO_MUTUAL is for workloads of the mesh, not for hosts that it does not know');
  const { connectionPool, outlierDetection } = defaultTrafficPolicy ?? {};
  const policy = place.at('defaultTrafficPolicy');
  if (connectionPool) checkConnectionPool(connectionPool, policy.at('connectionPool'));
  if (outlierDetection) checkOutlierDetection(outlierDetection, policy.at('outlierDetection'));
  for (const [index, domain] of [spec.trustDomain ?? '', ...(spec.trustDomainAliases ?? [])].entries())
    if (domain !== '' && !isTrustDomain(domain))
      (index === 0 ? place.at('trustDomain') : place.at('trustDomainAliases', index - 1)).error(
        `expected a DNS name, found ${JSON.stringify(domain)}`,
      );
  const providers = place.at('extensionProviders');
  checkUnique(
    (extensionProviders ?? []).map(({ name }) => name),
    (index) => providers.at(index, 'name'),
    { what: 'provider' },
  );
  forEachAt(extensionProviders, providers, checkProvider);
}

/** As Istio has it: a DNS name whose last label may be a number. */
function isTrustDomain(domain: string): boolean {
  const labels = domain.split('.');
  return labels.every((label, index) => isDnsLabel(label) || (label === '' && index === labels.length - 1));
}

const forms = [
  'envoyExtAuthzHttp',
  'envoyExtAuthzGrpc',
  'envoyHttpAls',
  'envoyTcpAls',
  'envoyOtelAls',
  'opentelemetry',
  'zipkin',
  'skywalking',
  'datadog',
] as const;

function checkProvider(provider: ExtensionProvider, place: Place): void {
  if (provider.name === '') place.at('name').error('expected a name');
  for (const form of forms) {
    const server = provider[form];
    if (server === undefined) continue;
    checkPort(server.port, place.at(form, 'port'));
    if (!isService(server.service))
      place
        .at(form, 'service')
        .error(`expected a host, an address or NAMESPACE/HOST, found ${JSON.stringify(server.service)}`);
  }
  const { envoyExtAuthzHttp: http, envoyExtAuthzGrpc: grpc, opentelemetry, zipkin } = provider;
  checkStatus(http?.statusOnError, place.at('envoyExtAuthzHttp', 'statusOnError'));
  checkStatus(grpc?.statusOnError, place.at('envoyExtAuthzGrpc', 'statusOnError'));
  if (http?.pathPrefix && !http.pathPrefix.startsWith('/'))
    place.at('envoyExtAuthzHttp', 'pathPrefix').error(`must begin with /, found ${JSON.stringify(http.pathPrefix)}`);
  if (opentelemetry?.grpc !== undefined && opentelemetry.http !== undefined)
    place.at('opentelemetry').error('only one of grpc and http may be set');
  checkHeaders(opentelemetry?.http?.headers, place.at('opentelemetry', 'http', 'headers'));
  checkHeaders(opentelemetry?.grpc?.initialMetadata, place.at('opentelemetry', 'grpc', 'initialMetadata'));
  checkHeaders(zipkin?.headers, place.at('zipkin', 'headers'));
}

/** Pilot sends the value of its variable `envName`, unless that is one of its own. */
function checkHeaders(headers: readonly ProviderHeader[] | undefined, place: Place): void {
  forEachAt(headers, place, ({ name, envName }, at) => {
    if (envName && isOwnVariable(envName))
      at.at('envName').warn(`names a variable of the control plane's own: ${name} is sent without a value`);
  });
}

function isService(text: string): boolean {
  const [namespace = '', host, ...more] = text.split('/');
  if (more.length > 0) return false;
  if (host === undefined) return isDnsName(text) || isAddress(text);
  return (namespace === '*' || namespace === '.' || isDnsLabel(namespace)) && isDnsName(host);
}

/** Envoy refuses a listener with a status that its API does not name (envoy.type.v3.StatusCode). */
function checkStatus(status: string | undefined, place: Place): void {
  if (!status) return;
  const isKnown = /^\d{3}$/.test(status) && StatusCode[Number(status)] !== undefined;
  if (!isKnown) place.error(`expected an HTTP status that Envoy knows, such as 403 or 503, found ${status}`);
}
