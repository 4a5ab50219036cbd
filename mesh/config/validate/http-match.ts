// Validates one HTTPMatchRequest.
import type { HTTPMatchRequest } from '../schemas/virtual-service.ts';
import { checkGatewayNames } from './gateway-name.ts';
import { isDnsLabel } from './hosts.ts';
import { checkLabelValues } from './labels.ts';
import type { Place } from './place.ts';
import { checkPort } from './ports.ts';
import { checkHeaderName, checkStringMatch } from './string-match.ts';

/** How a match is checked. */
export interface MatchContext {
  /** The VirtualService is for gateways alone, where tokens' claims can be routed by. */
  readonly atGateway: boolean;
}

const pseudoHeaders = [':method', ':scheme', ':authority', ':path', ':status'];

/** Whether a key of `headers` stands for a token's claim: `@request.auth.claims.NAME` or `@request.auth.claims[NAME]`. */
export function isClaim(name: string): boolean {
  return /^@request\.auth\.claims(?:\..+|\[.+\])$/is.test(name);
}

/** Reports everything wrong with `match`. */
export function checkHttpMatch(match: HTTPMatchRequest, place: Place, context: MatchContext): void {
  checkStringMatch(match.uri, place.at('uri'), { emptyPrefix: true });
  for (const name of ['scheme', 'method', 'authority'] as const) checkStringMatch(match[name], place.at(name));
  for (const kind of ['headers', 'withoutHeaders'] as const)
    for (const [name, value] of Object.entries(match[kind] ?? {})) {
      checkMatchedName(name, place.at(kind, name), context);
      checkStringMatch(value, place.at(kind, name), { anyRegex: kind === 'withoutHeaders' });
    }
  for (const [name, value] of Object.entries(match.queryParams ?? {})) {
    if (name === '') place.at('queryParams').error('a query parameter needs a name');
    checkStringMatch(value, place.at('queryParams', name));
  }
  if (match.port !== undefined && match.port !== 0) checkPort(match.port, place.at('port'));
  checkSource(match, place);
  if (match.sourceNamespace && !isDnsLabel(match.sourceNamespace))
    place.at('sourceNamespace').error(`${JSON.stringify(match.sourceNamespace)} is not a namespace`);
  if (match.ignoreUriCase && match.uri?.regex !== undefined)
    place.at('ignoreUriCase').warn('has no effect on a regex; write (?i) in it');
}

function checkMatchedName(name: string, place: Place, { atGateway }: MatchContext): void {
  if (isClaim(name)) {
    if (!atGateway) place.error('routing by claims is for gateways: set gateways, without mesh');
  } else if (!pseudoHeaders.includes(name)) checkHeaderName(name, place);
}

/** What HTTP, TCP and TLS matches have in common. */
export function checkSource(
  match: { readonly sourceLabels?: Readonly<Record<string, string>>; readonly gateways?: readonly string[] },
  place: Place,
): void {
  checkLabelValues(match.sourceLabels, place.at('sourceLabels'));
  checkGatewayNames(match.gateways, place.at('gateways'));
}
