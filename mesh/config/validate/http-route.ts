// Validates one HTTP route: what it does, and that its parts fit together.
import { durationMs } from '../quantities.ts';
import type {
  HTTPDirectResponse,
  HTTPMatchRequest,
  HTTPRedirect,
  HTTPRewrite,
  HTTPRoute,
} from '../schemas/virtual-service.ts';
import { checkDestination, checkWeights } from './destination.ts';
import { checkHeaderOperations, isAuthority } from './header-operations.ts';
import { checkHttpMatch, type MatchContext } from './http-match.ts';
import { checkCors, checkFault, checkRetries } from './http-policies.ts';
import { checkOneOf, forEachAt, type Place } from './place.ts';
import { checkPort } from './ports.ts';
import { checkPercent, checkPercentage, checkRegex } from './string-match.ts';

/** What the VirtualService says of its routes. */
interface RouteContext extends MatchContext {
  /** It has no hosts. */
  readonly isDelegate: boolean;
}

/** Reports everything wrong with `route`. */
export function checkHttpRoute(route: HTTPRoute, place: Place, context: RouteContext): void {
  forEachAt(route.match, place.at('match'), (match, at) => checkHttpMatch(match, at, context));
  checkAction(route, place, context);
  if (route.route) checkWeights(route.route, place.at('route'));
  forEachAt(route.route, place.at('route'), (destination, at) =>
    checkHeaderOperations(destination.headers, at.at('headers')),
  );
  if (route.redirect) checkRedirect(route.redirect, place.at('redirect'), route.match ?? []);
  if (route.directResponse) checkDirectResponse(route.directResponse, place.at('directResponse'));
  if (route.rewrite) checkRewrite(route.rewrite, place.at('rewrite'));
  if (route.retries) checkRetries(route.retries, place.at('retries'));
  if (route.fault) checkFault(route.fault, place.at('fault'));
  if (route.corsPolicy) checkCors(route.corsPolicy, place.at('corsPolicy'));
  checkHeaderOperations(route.headers, place.at('headers'));
  checkAuthority(route, place);
  checkMirrors(route, place);
}

function checkAction(route: HTTPRoute, place: Place, { isDelegate }: RouteContext): void {
  const actions = (['route', 'redirect', 'directResponse'] as const).filter((name) =>
    name === 'route' ? (route.route?.length ?? 0) > 0 : route[name] !== undefined,
  );
  if (route.delegate && !isDelegate) {
    for (const name of ['redirect', 'route'] as const)
      if (route[name]) place.at(name).error('goes with no delegate: the routes are those of the delegate');
    return;
  }
  if (route.delegate) place.at('delegate').error('a delegate can not delegate again');
  if (actions.length === 0) place.error('one of route, redirect, directResponse or delegate is required');
  if (actions.length > 1)
    place.error(`only one of route, redirect, directResponse and delegate may be set, found ${actions.join(' and ')}`);
  if (route.mirror && route.mirrors?.length) place.error('only one of mirror and mirrors may be set');
  const answered = route.redirect ? 'redirect' : route.directResponse ? 'directResponse' : undefined;
  if (answered === undefined) return;
  for (const name of ['fault', 'rewrite'] as const)
    if (route[name]) place.at(name).error(`has no meaning together with ${answered}: no request is forwarded`);
}

function checkRedirect(redirect: HTTPRedirect, place: Place, matches: readonly HTTPMatchRequest[]): void {
  const changes =
    redirect.uri ||
    redirect.authority ||
    redirect.scheme ||
    redirect.port !== undefined ||
    redirect.derivePort ||
    redirect.prefixRewrite;
  if (!changes) place.error('one of uri, prefixRewrite, authority, scheme, port or derivePort must be set');
  checkOneOf(redirect, ['port', 'derivePort'], place);
  if (redirect.uri && redirect.prefixRewrite) place.error('only one of uri and prefixRewrite may be set');
  if (redirect.prefixRewrite && matches.some(({ uri }) => uri !== undefined && uri.prefix === undefined))
    place.at('prefixRewrite').error("needs a prefix in each of the route's uri matches");
  if (redirect.port) checkPort(redirect.port, place.at('port'));
  if (redirect.scheme && !['http', 'https'].includes(redirect.scheme))
    place.at('scheme').error(`expected http or https, found ${JSON.stringify(redirect.scheme)}`);
  const code = redirect.redirectCode ?? 0;
  if (code !== 0 && (code < 300 || code > 399))
    place.at('redirectCode').error(`expected a status from 300 to 399, found ${code}`);
  else if (![0, 301, 302, 303, 307, 308].includes(code))
    place.at('redirectCode').warn(`Envoy redirects with 301, 302, 303, 307 and 308 only, found ${code}`);
}

/** Envoy keeps the body in each route, so Istio refuses what is above 1 MiB and warns above 100 KiB. */
function checkDirectResponse(response: HTTPDirectResponse, place: Place): void {
  if (response.status < 200 || response.status > 599)
    place.at('status').error(`expected an HTTP status from 200 to 599, found ${response.status}`);
  const { body } = response;
  if (body === undefined) return;
  checkOneOf(body, ['string', 'bytes'], place.at('body'));
  const bytes = body.string === undefined ? ((body.bytes?.length ?? 0) * 3) / 4 : Buffer.byteLength(body.string);
  if (bytes > 1024 * 1024) place.at('body').error('a body has at most 1 MiB');
  else if (bytes > 100 * 1024) place.at('body').warn('a body above 100 KiB slows every configuration update down');
}

function checkRewrite(rewrite: HTTPRewrite, place: Place): void {
  const regex = rewrite.uriRegexRewrite;
  if (!rewrite.uri && !rewrite.authority && !regex) place.error('one of uri, authority or uriRegexRewrite must be set');
  if (rewrite.uri && regex) place.error('only one of uri and uriRegexRewrite may be set');
  if (regex === undefined) return;
  if (!regex.match) place.at('uriRegexRewrite', 'match').error('is required');
  else checkRegex(regex.match, place.at('uriRegexRewrite', 'match'));
  if (!regex.rewrite) place.at('uriRegexRewrite', 'rewrite').error('is required');
}

function checkMirrors(route: HTTPRoute, place: Place): void {
  if (route.mirror) checkDestination(route.mirror, place.at('mirror'));
  checkPercent(route.mirrorPercentage, place.at('mirrorPercentage'));
  checkPercentage(route.mirrorPercent, place.at('mirrorPercent'));
  if (route.mirrorPercent !== undefined) place.at('mirrorPercent').warn('is deprecated; use mirrorPercentage');
  forEachAt(route.mirrors, place.at('mirrors'), (mirror, at) => {
    checkDestination(mirror.destination, at.at('destination'));
    checkPercent(mirror.percentage, at.at('percentage'));
  });
  if ((route.mirrorPercentage || route.mirrorPercent !== undefined) && !route.mirror)
    place.warn('a mirror percentage has no effect without mirror');
  const timeoutMs = durationMs(route.timeout ?? '');
  const perTryMs = durationMs(route.retries?.perTryTimeout ?? '');
  if (timeoutMs !== undefined && perTryMs !== undefined && perTryMs > timeoutMs)
    place.at('retries', 'perTryTimeout').warn(`is longer than the route's timeout ${route.timeout}`);
}

/** The authority is set in one place: rewrite, or a header of the request. */
function checkAuthority({ rewrite, headers }: HTTPRoute, place: Place): void {
  const { set = {}, add = {} } = headers?.request ?? {};
  const names = [...Object.keys(set), ...Object.keys(add)].filter(isAuthority);
  const given = [...(rewrite?.authority ? ['rewrite.authority'] : []), ...names];
  if (given.length > 1) place.error(`the authority is set more than once: ${given.join(' and ')}`);
}
