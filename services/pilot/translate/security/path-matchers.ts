// Paths of policies as Envoy permissions: exact, prefix, suffix, templates, and to refuse also every spelling of the same path.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { type Permission, PermissionSchema } from '../../../../gen/envoy/config/rbac/v3/rbac_pb.js';
import { UriTemplateMatchConfigSchema } from '../../../../gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js';
import type { StringMatcher } from '../../../../gen/envoy/type/matcher/v3/string_pb.js';
import type { Polarity } from './policy-polarity.ts';
import { quoteRegex, regexMatcher, wildcardMatcher, wildcardOf } from './string-matchers.ts';

/** The permissions of which one must hold; the path is what the connection manager made of it, without its query. */
export function pathPermissions(paths: readonly string[], polarity: Polarity): readonly Permission[] {
  const written = paths.map(asWritten);
  if (polarity === 'admit') return written;
  const spellings = paths.flatMap((path) => {
    const regex = spellingsOf(path);
    return regex === undefined ? [] : [urlPath(regexMatcher(regex))];
  });
  const inAnyCase = paths.flatMap((path) =>
    isTemplate(path) ? [] : [urlPath(wildcardMatcher(path, { ignoreCase: true }))],
  );
  return [...written.filter((_, index) => isTemplate(paths[index] ?? '')), ...inAnyCase, ...spellings, ambiguous()];
}

/** Whether a path has `{*}` or `{**}` (istio.io/latest/docs/reference/config/security/authorization-policy/#Operation). */
export function isTemplate(path: string): boolean {
  return path.includes('{*}') || path.includes('{**}');
}

function asWritten(path: string): Permission {
  if (!isTemplate(path)) return urlPath(wildcardMatcher(path));
  const pathTemplate = path.replaceAll('{**}', '**').replaceAll('{*}', '*');
  const config = create(UriTemplateMatchConfigSchema, { pathTemplate });
  const value = { name: 'uri-template', typedConfig: anyPack(UriTemplateMatchConfigSchema, config) };
  return create(PermissionSchema, { rule: { case: 'uriTemplate', value } });
}

function urlPath(path: StringMatcher): Permission {
  return create(PermissionSchema, { rule: { case: 'urlPath', value: { rule: { case: 'path', value: path } } } });
}

const slash = '(?:[/\\\\]|%2f|%5c)';
/** Servers strip `;name=value` from a segment. */
const parameters = '(?:;[^/]*)?';
/** What a server may take for one slash, with the parameters of the segment before it. */
const separator = `(?:${parameters}/|\\\\|%2f|%5c)+`;
/** Any number of segments, whole but for the last. */
const segments = `(?:[^;/]*${parameters}/)*[^;/]*`;
/** One segment of a template: no slash in any spelling. */
const segment = '(?:[^/;\\\\%]|%(?:[^25]|2[^f]|5[^c]))+';

/**
 * An RE2 expression for all spellings of `path`: any case, slashes doubled, encoded or turned, parameters after segments.
 * Undefined where `*` alone or a `;` of its own leaves nothing to spell otherwise.
 */
function spellingsOf(path: string): string | undefined {
  if (path === '*' || path.includes(';')) return undefined;
  if (isTemplate(path)) return `(?is)${spell(path)}${parameters}`;
  const wildcard = wildcardOf(path);
  if (wildcard.kind === 'any') return undefined;
  const text = spell(wildcard.text);
  if (wildcard.kind === 'prefix') return `(?is)${text}.*`;
  return `(?is)${wildcard.kind === 'suffix' ? segments : ''}${text}${parameters}`;
}

function spell(text: string): string {
  const parts = text.split(/(\{\*{1,2}\}|(?:[/\\]|%2f|%5c)+)/i);
  return parts
    .map((part, index) => {
      if (index % 2 === 0) return quoteRegex(part);
      if (part === '{*}') return segment;
      return part === '{**}' ? segments : separator;
    })
    .join('');
}

/**
 * Dot segments that Envoy's normalisation left, because a slash beside them is encoded or a parameter follows: which path a server
 * makes of it can't be known, so it matches whatever is to be refused.
 */
function ambiguous(): Permission {
  return urlPath(regexMatcher(`(?is).*${slash}(?:\\.|%2e){1,2}(?:;.*|${slash}.*)?`));
}
