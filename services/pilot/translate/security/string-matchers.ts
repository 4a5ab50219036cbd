// Istio's wildcards in policies (exact, `prefix*`, `*suffix`, `*` for anything that is there) as Envoy's matchers.
import { create } from '@bufbuild/protobuf';
import { type HeaderMatcher, HeaderMatcherSchema } from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import { type StringMatcher, StringMatcherSchema } from '../../../../gen/envoy/type/matcher/v3/string_pb.js';
import type { Polarity } from './policy-polarity.ts';

/** How a text is compared; the empty prefix and suffix do not occur, Envoy rejects them. */
export type Wildcard =
  | { readonly kind: 'any' }
  | { readonly kind: 'exact' | 'prefix' | 'suffix'; readonly text: string };

/** Reads a value with at most one `*`, at one of its ends; a `*` elsewhere stands for itself. */
export function wildcardOf(value: string): Wildcard {
  if (value === '*') return { kind: 'any' };
  if (value.startsWith('*')) return { kind: 'suffix', text: value.slice(1) };
  if (value.endsWith('*')) return { kind: 'prefix', text: value.slice(0, -1) };
  return { kind: 'exact', text: value };
}

/** A matcher for a value with wildcards; `scheme` stands before all of them, as `spiffe://` before principals. `*` alone is anything. */
export function wildcardMatcher(
  value: string,
  options: { readonly scheme?: string; readonly ignoreCase?: boolean } = {},
): StringMatcher {
  const wildcard = wildcardOf(value);
  if (wildcard.kind === 'any') return regexMatcher('.+');
  const { kind, text } = wildcard;
  const ignoreCase = options.ignoreCase ?? false;
  const { scheme = '' } = options;
  // What ends alike but is no identity, such as the subject of a certificate without one, must not pass.
  if (kind === 'suffix' && scheme !== '') return regexMatcher(`${scheme}.*${quoteRegex(text)}`);
  return create(StringMatcherSchema, { ignoreCase, matchPattern: { case: kind, value: `${scheme}${text}` } });
}

/** Matches the whole text against an RE2 expression. */
export function regexMatcher(regex: string): StringMatcher {
  return create(StringMatcherSchema, { matchPattern: { case: 'safeRegex', value: { regex } } });
}

/** `text` as an RE2 expression for itself; what users write never becomes an expression. */
export function quoteRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/**
 * A header. Where it came several times one value suffices (Envoy 1.37 and later compare each by itself); to refuse, one item of a value
 * that is a list suffices, too, so that joining values does not hide any.
 */
export function policyHeader(name: string, value: string, polarity: Polarity): HeaderMatcher {
  const wildcard = wildcardOf(value);
  if (wildcard.kind === 'any') {
    return create(HeaderMatcherSchema, { name, headerMatchSpecifier: { case: 'presentMatch', value: true } });
  }
  const string = polarity === 'admit' || name.startsWith(':') ? wildcardMatcher(value) : anyItem(wildcard);
  return create(HeaderMatcherSchema, { name, headerMatchSpecifier: { case: 'stringMatch', value: string } });
}

function anyItem({ kind, text }: Exclude<Wildcard, { kind: 'any' }>): StringMatcher {
  const before = kind === 'suffix' ? '.*' : '(?:.*,)?[ \\t]*';
  const after = kind === 'prefix' ? '.*' : '[ \\t]*(?:,.*)?';
  return regexMatcher(`(?s)${before}${quoteRegex(text)}${after}`);
}

/** The matchers of which one must hold for a Host; letters' case never matters. To refuse, a host without a port stands for any port. */
export function hostMatchers(value: string, polarity: Polarity): readonly HeaderMatcher[] {
  const name = ':authority';
  const wildcard = wildcardOf(value);
  if (wildcard.kind === 'any') return [policyHeader(name, value, polarity)];
  const strings = [wildcardMatcher(value, { ignoreCase: true })];
  if (polarity === 'refuse' && wildcard.kind !== 'prefix') {
    // A trailing dot is the same name to a resolver.
    const anything = wildcard.kind === 'suffix' ? '.*' : '';
    strings.push(regexMatcher(`(?is)${anything}${quoteRegex(wildcard.text)}\\.?(?::[0-9]*)?`));
  }
  return strings.map((string) =>
    create(HeaderMatcherSchema, { name, headerMatchSpecifier: { case: 'stringMatch', value: string } }),
  );
}
