// StringMatch, header names and percentages: the small messages of HTTP routes.
import type { Percent, StringMatch } from '../schemas/virtual-service.ts';
import { checkOneOf, type Place } from './place.ts';
import { re2Fault } from './regex.ts';

/** Reports a match with several forms, or a regex that RE2 does not take. */
export function checkStringMatch(match: StringMatch | undefined, place: Place): void {
  if (match === undefined) return;
  checkOneOf(match, ['exact', 'prefix', 'regex'], place);
  if (match.regex !== undefined) checkRegex(match.regex, place.at('regex'));
}

/** Reports a regex that RE2 does not take, or longer than Istio allows. */
export function checkRegex(regex: string, place: Place): void {
  const fault = regex.length > 1024 ? 'a regular expression has at most 1024 characters' : re2Fault(regex);
  if (fault !== undefined)
    place.error(`${JSON.stringify(regex.slice(0, 80))} is not an RE2 regular expression: ${fault}`);
}

/** Reports a value outside 0 to 100. */
export function checkPercent(percent: Percent | undefined, place: Place): void {
  const value = percent?.value ?? 0;
  if (value < 0 || value > 100) place.at('value').error(`expected a percentage from 0 to 100, found ${value}`);
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
