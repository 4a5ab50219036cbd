// Port numbers, names and protocols.
import { didYouMean } from '../suggest-name.ts';
import { isDnsLabel } from './hosts.ts';
import type { Place } from './place.ts';

// istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection
const protocols = [
  'HTTP',
  'HTTPS',
  'HTTP2',
  'GRPC',
  'GRPC-WEB',
  'TCP',
  'TLS',
  'UDP',
  'MONGO',
  'REDIS',
  'MYSQL',
  'HTTP_PROXY',
];
/** Reports a number outside 1 to 65535. */
export function checkPort(port: number | undefined, place: Place): void {
  if (port === undefined) place.error('a port number is required');
  else if (!(port >= 1 && port <= 65535))
    place.error(`expected a port from 1 to 65535${Number.isNaN(port) ? '' : `, found ${port}`}`);
}

/** Reports a port's name that is not a DNS label. */
export function checkPortName(name: string, place: Place): void {
  if (!isDnsLabel(name))
    place.error(`expected letters, digits and - (at most 63) as a port's name, found ${JSON.stringify(name)}`);
}

/** Reports a protocol that Istio does not know; absent is fine where it is optional. */
export function checkProtocol(protocol: string | undefined, place: Place): void {
  if (protocol === undefined || protocol === '') return;
  if (!protocols.includes(protocol.toUpperCase()))
    place.error(
      `expected a protocol such as ${protocols.slice(0, 7).join(', ')}, found ${JSON.stringify(protocol)}${didYouMean(protocol, protocols)}`,
    );
}

/** Whether the protocol is one of HTTP's plain-text forms. */
export function isHttp(protocol: string): boolean {
  return ['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB', 'HTTP_PROXY'].includes(protocol.toUpperCase());
}

/** Whether the protocol is over TLS. */
export function isTls(protocol: string): boolean {
  return ['HTTPS', 'TLS'].includes(protocol.toUpperCase());
}

/** Reports values that occur again, naming the first; `warns` where Istio accepts them. */
export function checkUnique(
  values: readonly (string | number | undefined)[],
  placeOf: (index: number) => Place,
  { what, warns = false }: { readonly what: string; readonly warns?: boolean },
): void {
  const first = new Map<string | number, number>();
  for (const [index, value] of values.entries()) {
    if (value === undefined) continue;
    const earlier = first.get(value);
    const message = `${what} ${JSON.stringify(value)} is used already, by item ${earlier}`;
    if (earlier === undefined) first.set(value, index);
    else if (warns) placeOf(index).warn(message);
    else placeOf(index).error(message);
  }
}
