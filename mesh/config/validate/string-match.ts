// StringMatch, header names and percentages: the small messages of HTTP routes.
import type { Percent, StringMatch } from '../schemas/virtual-service.ts';
import { checkOneOf, type Place } from './place.ts';
import { re2Fault } from './regex.ts';

/** How a StringMatch is checked. */
interface MatchOptions {
  /** A prefix may be empty, which Envoy takes for paths alone. */
  readonly emptyPrefix?: boolean;
  /** `regex: '*'` stands for any value. */
  readonly anyRegex?: boolean;
}

/** Reports a match with several forms, an empty prefix or regex, or a regex that RE2 does not take; none at all matches any value. */
export function checkStringMatch(match: StringMatch | undefined, place: Place, options: MatchOptions = {}): void {
  if (match === undefined) return;
  checkOneOf(match, ['exact', 'prefix', 'regex'], place);
  if (match.prefix === '' && !options.emptyPrefix)
    place.at('prefix').error('expected text: an empty prefix says nothing');
  if (match.regex === '') place.at('regex').error('expected a regular expression, found nothing');
  else if (match.regex !== undefined && !(options.anyRegex && match.regex === '*'))
    checkRegex(match.regex, place.at('regex'));
}

/** Reports a regex that RE2 does not take, or longer than Istio allows. */
export function checkRegex(regex: string, place: Place): void {
  const fault = regex.length > 1024 ? 'a regular expression has at most 1024 characters' : re2Fault(regex);
  if (fault !== undefined)
    place.error(`${JSON.stringify(regex.slice(0, 80))} is not an RE2 regular expression: ${fault}`);
}

/** Envoy's finest percentage is a millionth; Istio refuses what would become 0. */
const leastPercent = 0.0001;

/** Reports a value outside 0 to 100, and with `fine` one so small that it would be none. */
export function checkPercent(
  percent: Percent | undefined,
  place: Place,
  options: { readonly fine?: boolean } = {},
): void {
  const value = percent?.value ?? 0;
  const tooFine = options.fine === true && value > 0 && value < leastPercent;
  if (value < 0 || value > 100 || tooFine)
    place
      .at('value')
      .error(`expected a percentage from 0 to 100${tooFine ? `, at least ${leastPercent}` : ''}, found ${value}`);
}

/** Reports a number outside 0 to 100. */
export function checkPercentage(value: number | undefined, place: Place): void {
  if (value !== undefined && (value < 0 || value > 100))
    place.error(`expected a percentage from 0 to 100, found ${value}`);
}

const headerName = /^[-!#$%&'*+.^_`|~0-9A-Za-z]+$/;

/** Reports a name that no HTTP header can have (RFC 9110 token). */
export function checkHeaderName(name: string, place: Place): void {
  if (!headerName.test(name)) place.error(`${JSON.stringify(name)} is not the name of an HTTP header`);
}

/** Reports a duration, already well formed, that has parts of a second. */
export function checkWholeSeconds(ms: number | undefined, place: Place): void {
  if (ms !== undefined && ms % 1000 !== 0) place.error('expected whole seconds');
}
