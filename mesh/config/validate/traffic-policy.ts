// Validates the parts of a traffic policy other than load balancing.
import type { ClientTLSSettings, ConnectionPoolSettings, OutlierDetection } from '../schemas/destination-rule.ts';
import type { Place } from './place.ts';
import { checkPercentage } from './string-match.ts';

/** Reports empty, negative and contradictory pool settings. */
export function checkConnectionPool(pool: ConnectionPoolSettings, place: Place): void {
  const { tcp, http } = pool;
  if (!tcp && !http) place.error('one of tcp or http must be set');
  checkNotNegative(tcp ?? {}, ['maxConnections'], place.at('tcp'));
  checkNotNegative(
    http ?? {},
    ['http1MaxPendingRequests', 'http2MaxRequests', 'maxRequestsPerConnection', 'maxRetries', 'maxConcurrentStreams'],
    place.at('http'),
  );
  for (const name of ['interval', 'timeout'] as const)
    if (http?.http2KeepAlive && http.http2KeepAlive[name] === undefined)
      place.at('http', 'http2KeepAlive', name).error('is required');
  if (http?.h2UpgradePolicy === 'UPGRADE' && http.useClientProtocol)
    place.at('http', 'useClientProtocol').error("can't be used with h2UpgradePolicy UPGRADE");
}

function checkNotNegative<T extends object>(settings: T, names: readonly (keyof T & string)[], place: Place): void {
  for (const name of names) {
    const value = settings[name];
    if (typeof value === 'number' && value < 0) place.at(name).error(`can't be negative, found ${value}`);
  }
}

/** Reports percentages out of range and settings without effect. */
export function checkOutlierDetection(detection: OutlierDetection, place: Place): void {
  checkPercentage(detection.maxEjectionPercent, place.at('maxEjectionPercent'));
  checkPercentage(detection.minHealthPercent, place.at('minHealthPercent'));
  if (detection.consecutiveErrors !== undefined)
    place.at('consecutiveErrors').warn('is deprecated; use consecutive5xxErrors or consecutiveGatewayErrors');
  if ((detection.consecutiveLocalOriginFailures ?? 0) > 0 && !detection.splitExternalLocalOriginErrors)
    place.at('consecutiveLocalOriginFailures').error('needs splitExternalLocalOriginErrors: true');
  for (const [index, code] of (detection.outlierDetectionHttpErrorCodes ?? []).entries())
    if (code < 100 || code > 599)
      place.at('outlierDetectionHttpErrorCodes', index).error(`expected an HTTP status from 100 to 599, found ${code}`);
}

/** Reports certificates that are missing for, or contradict, the TLS mode of a rule of `namespace`. */
export function checkClientTls(tls: ClientTLSSettings, place: Place, namespace: string): void {
  const { mode = 'DISABLE', credentialName, insecureSkipVerify } = tls;
  const files = (['clientCertificate', 'privateKey', 'caCertificates', 'caCrl'] as const).filter((name) => tls[name]);
  if (credentialName) checkConfigMapName(credentialName, place.at('credentialName'), namespace);
  if (insecureSkipVerify && (mode === 'SIMPLE' || mode === 'MUTUAL')) {
    if (tls.caCertificates || tls.subjectAltNames || (mode === 'SIMPLE' && credentialName))
      place
        .at('insecureSkipVerify')
        .error('skips verification, but caCertificates, credentialName or subjectAltNames ask for it');
  }
  if (credentialName && (mode === 'SIMPLE' || mode === 'MUTUAL')) {
    if (files.length > 0) place.error(`credentialName and ${files.join(', ')} exclude each other`);
    return;
  }
  if (mode === 'MUTUAL')
    for (const name of ['clientCertificate', 'privateKey'] as const)
      if (!tls[name]) place.at(name).error('is required for mode MUTUAL without credentialName');
  const unused = [...files, ...(credentialName ? ['credentialName'] : [])];
  if (mode === 'ISTIO_MUTUAL' && unused.length > 0)
    place.warn(`mode ISTIO_MUTUAL uses the mesh's own certificates: ${unused.join(', ')} have no effect`);
}

const configMapPrefix = 'configmap://';

function checkConfigMapName(credentialName: string, place: Place, namespace: string): void {
  if (!credentialName.startsWith(configMapPrefix)) return;
  const [of = '', name, ...more] = credentialName.slice(configMapPrefix.length).split('/');
  if (!of || !name || more.length > 0)
    place.error(`expected configmap://NAMESPACE/NAME, found ${JSON.stringify(credentialName)}`);
  else if (of !== namespace) place.error(`must be of the rule's own namespace ${namespace}, found ${of}`);
}
