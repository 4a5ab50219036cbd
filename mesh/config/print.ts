// Resources as YAML that can be applied again, for `get -o yaml`, and in the form that `diff` compares line by line.
import { stringify } from 'yaml';
import type { ConfigResource } from '../../events/model.ts';
import { isMeshConfig } from './mesh-config.ts';
import { sorted } from './same-content.ts';

// Long lines stay whole: a diff is by line. Aliases would be cryptic.
const style = { lineWidth: 0, aliasDuplicateObjects: false } as const;

/** One YAML text: a document each, separated by `---`, ending in a newline; '' for none. */
export function printYaml(resources: readonly ConfigResource[]): string {
  return resources.map((resource) => stringify(manifestOf(resource), style)).join('---\n');
}

/** Any JSON value as YAML. */
export function printYamlValue(value: unknown): string {
  return stringify(value, style);
}

/** The object as its user would write it. The mesh configuration is its ConfigMap again. */
export function manifestOf(resource: ConfigResource): Readonly<Record<string, unknown>> {
  const { apiVersion, kind, namespace, name, labels, annotations, createdAt, spec } = resource;
  const metadata = {
    name,
    namespace,
    ...(labels && { labels }),
    ...(annotations && { annotations }),
    ...(createdAt && { creationTimestamp: createdAt }),
  };
  if (isMeshConfig(resource))
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { mesh: stringify(spec, style) } };
  return { apiVersion, kind, metadata, spec };
}

/**
 * The lines of a resource for a line diff: fields in order of their names, without what the mesh adds by itself (creation time), so
 * that only what a user changed differs. Empty for undefined (no such resource).
 */
export function diffLines(resource: ConfigResource | undefined): readonly string[] {
  if (resource === undefined) return [];
  const { createdAt: _, ...rest } = resource;
  return stringify(sorted(manifestOf(rest)), style)
    .trimEnd()
    .split('\n');
}
