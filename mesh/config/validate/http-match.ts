// Validates one HTTPMatchRequest.
import type { HTTPMatchRequest } from '../schemas/virtual-service.ts';
import { checkGatewayName } from './gateway-name.ts';
import { isNamespace } from './hosts.ts';
import { checkLabelValues } from './labels.ts';
import { forEachAt, type Place } from './place.ts';
import { checkPort } from './ports.ts';
import { checkHeaderName, checkStringMatch } from './string-match.ts';

/** Reports everything wrong with `match`. */
export function checkHttpMatch(match: HTTPMatchRequest, place: Place): void {
  for (const name of ['uri', 'scheme', 'method', 'authority'] as const) {
    checkStringMatch(match[name], place.at(name));
    if (match[name] && Object.keys(match[name]).length === 0)
      place.at(name).error('one of exact, prefix or regex must be set');
  }
  for (const kind of ['headers', 'withoutHeaders'] as const)
    for (const [name, value] of Object.entries(match[kind] ?? {})) {
      // Keys that start with @ are JWT claims, such as @request.auth.claims.group.
      if (!name.startsWith('@')) checkHeaderName(name.startsWith(':') ? name.slice(1) : name, place.at(kind, name));
      checkStringMatch(value, place.at(kind, name));
    }
  for (const [name, value] of Object.entries(match.queryParams ?? {})) {
    if (name === '') place.at('queryParams').error('a query parameter needs a name');
    checkStringMatch(value, place.at('queryParams', name));
  }
  if (match.port !== undefined && match.port !== 0) checkPort(match.port, place.at('port'));
  checkSource(match, place);
  if (match.ignoreUriCase && match.uri?.regex !== undefined)
    place.at('ignoreUriCase').warn('has no effect on a regex; write (?i) in it');
}

/** What HTTP, TCP and TLS matches have in common. */
export function checkSource(
  match: {
    readonly sourceLabels?: Readonly<Record<string, string>>;
    readonly sourceNamespace?: string;
    readonly gateways?: readonly string[];
  },
  place: Place,
): void {
  checkLabelValues(match.sourceLabels, place.at('sourceLabels'));
  forEachAt(match.gateways, place.at('gateways'), checkGatewayName);
  if (match.sourceNamespace && !isNamespace(match.sourceNamespace))
    place.at('sourceNamespace').error(`${JSON.stringify(match.sourceNamespace)} is not a namespace`);
}
