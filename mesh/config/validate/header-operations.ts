// Validates header operations of routes and destinations: names that can be changed, and values in Envoy's format.
import type { HeaderOperations, Headers } from '../schemas/virtual-service.ts';
import { forEachAt, type Place } from './place.ts';

/** Whether a header stands for the request's authority. */
export function isAuthority(name: string): boolean {
  return ['host', ':authority'].includes(name.toLowerCase());
}

/** Reports names and values of `headers` that Istio or Envoy refuses. */
export function checkHeaderOperations(headers: Headers | undefined, place: Place): void {
  for (const direction of ['request', 'response'] as const) {
    const operations: HeaderOperations = headers?.[direction] ?? {};
    for (const kind of ['set', 'add'] as const)
      for (const [name, value] of Object.entries(operations[kind] ?? {})) {
        const at = place.at(direction, kind, name);
        if (direction === 'response' || !isAuthority(name)) checkName(name, at);
        checkValue(value, at);
      }
    forEachAt(operations.remove, place.at(direction, 'remove'), checkName);
  }
}

/** What Envoy refuses in a value (envoy.config.core.v3.HeaderValue, well_known_regex HTTP_HEADER_VALUE). */
const control = /[^\P{Cc}\t\u0080-\u009F]/u;

function checkName(name: string, place: Place): void {
  if (name === '') place.error("expected a header's name");
  else if (name.startsWith(':')) place.error(`${name} is not a header: only :authority of requests can be set`);
  else if (name.toLowerCase() === 'host') place.error('Host can only be set or added, in requests');
  else if (['\0', '\n', '\r'].some((character) => name.includes(character)))
    place.error('a header has a name of one line');
}

function checkValue(value: string, place: Place): void {
  if (control.test(value)) place.error('a value has no control characters');
  const fault = formatFault(value);
  if (fault !== undefined) place.error(`${fault} in ${JSON.stringify(value)}`);
}

type State = 'literal' | 'name' | 'arguments' | 'string' | 'quote' | 'delimiter' | 'closing' | 'end';

/** What each state does with a character; undefined: the fault. */
const steps: Readonly<Record<State, (character: string) => State | undefined>> = {
  literal: () => 'name',
  name: (character) => (character === '%' ? 'literal' : character === '(' ? 'arguments' : 'name'),
  arguments: (character) => (character === '[' ? 'quote' : character === ' ' ? 'arguments' : 'string'),
  quote: (character) => (character === '"' ? 'string' : character === ' ' ? 'quote' : undefined),
  string: (character) => (character === ')' ? 'end' : character === '"' ? 'delimiter' : 'string'),
  delimiter: (character) => (({ ',': 'quote', ']': 'closing', ' ': 'delimiter' }) as const)[character],
  closing: (character) => (character === ')' ? 'end' : character === ' ' ? 'closing' : undefined),
  end: (character) => (character === '%' ? 'literal' : character === ' ' ? 'end' : undefined),
};

/** What is wrong with a value in Envoy's format, where `%NAME%` and `%NAME(ARGUMENT)%` stand for what is known of a request and `%%` for %. */
function formatFault(value: string): string | undefined {
  let state: State = 'literal' as State;
  for (let at = 0; at < value.length; at++) {
    const character = value.charAt(at);
    const isLast = at === value.length - 1;
    if (state === 'literal') {
      if (character !== '%') continue;
      if (isLast) return 'a % stands alone (%% is one)';
      if (value[at + 1] === '%') at++;
      else state = 'name';
      continue;
    }
    if (state === 'string' && character === '\\') {
      if (isLast) return 'a backslash stands at the end';
      at++;
      continue;
    }
    const step: (character: string) => State | undefined = steps[state];
    const next = step(character);
    if (next === undefined) return `${JSON.stringify(character)} was not expected (character ${at + 1})`;
    state = next;
  }
  return state === 'literal' ? undefined : 'a % is opened and not closed (%% is one)';
}
