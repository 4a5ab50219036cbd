// Validates fields of Istio's `mesh` document that have no effect here: what Istio would refuse is no configuration of a mesh.
import { isRecord } from '../check-schema.ts';
import { durationMs } from '../quantities.ts';
import { checkHost, isAddress, isDnsName } from './hosts.ts';
import { forEachAt, type Place } from './place.ts';
import { checkPort } from './ports.ts';

type Fields = Readonly<Record<string, unknown>>;

const curves = ['P-224', 'P-256', 'P-521', 'P-384', 'X25519', 'X25519Kyber768Draft00', 'X25519MLKEM768'];

/** Reports ports, addresses, hosts and durations of `document` that are none. */
export function checkUnusedSettings(document: Fields, place: Place): void {
  checkPortField(document, 'proxyListenPort', place);
  forEachAt(listOf(document.serviceSettings), place.at('serviceSettings'), (settings, at) =>
    forEachAt(listOf(fieldsOf(settings).hosts), at.at('hosts'), (host, one) => checkHost(String(host), one)),
  );
  if (fieldsOf(document.meshMTLS).ecdhCurves !== undefined)
    place.at('meshMTLS', 'ecdhCurves').error('is not supported for the TLS within the mesh');
  forEachAt(listOf(fieldsOf(document.tlsDefaults).ecdhCurves), place.at('tlsDefaults', 'ecdhCurves'), (curve, at) => {
    if (!curves.includes(String(curve))) at.warn(`unknown curve ${JSON.stringify(curve)}`);
  });
  checkProxyDefaults(fieldsOf(document.defaultConfig), place.at('defaultConfig'));
}

function checkProxyDefaults(defaults: Fields, place: Place): void {
  for (const name of ['proxyAdminPort', 'statusPort']) checkPortField(defaults, name, place);
  checkAddress(defaults.discoveryAddress, place.at('discoveryAddress'));
  checkAddress(defaults.statsdUdpAddress, place.at('statsdUdpAddress'));
  for (const name of ['envoyMetricsService', 'envoyAccessLogService'])
    checkAddress(fieldsOf(defaults[name]).address, place.at(name, 'address'));
  const tracing = fieldsOf(defaults.tracing);
  for (const name of ['zipkin', 'datadog', 'lightstep'])
    checkAddress(fieldsOf(tracing[name]).address, place.at('tracing', name, 'address'));
  const { drainDuration, concurrency } = defaults;
  const drainMs = typeof drainDuration === 'string' ? durationMs(drainDuration) : undefined;
  if (drainDuration !== undefined && (drainMs === undefined || drainMs < 1000 || drainMs % 1000 !== 0))
    place.at('drainDuration').error(`expected whole seconds, such as 45s, found ${JSON.stringify(drainDuration)}`);
  if (typeof concurrency === 'number' && concurrency < 0)
    place.at('concurrency').error(`can't be negative, found ${concurrency}`);
}

function checkPortField(fields: Fields, name: string, place: Place): void {
  if (fields[name] !== undefined) checkPort(Number(fields[name]), place.at(name));
}

/** HOST:PORT; `$(HOST_IP)` stands for the address of the node. */
function checkAddress(address: unknown, place: Place): void {
  if (address === undefined || address === '') return;
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(
    typeof address === 'string' ? address.replace('$(HOST_IP)', '127.0.0.1') : '',
  );
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3] ?? 0);
  if (!(isAddress(host) || isDnsName(host)) || port < 1 || port > 65_535)
    place.error(`expected HOST:PORT, found ${JSON.stringify(address)}`);
}

function fieldsOf(value: unknown): Fields {
  return isRecord(value) ? value : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
