// Resources as YAML that can be applied again, for `get -o yaml`, and in the form that `diff` compares line by line.
import { Document, isScalar, visit } from 'yaml';
import type { ConfigResource } from '../../events/model.ts';
import { isMeshConfig } from './mesh-config.ts';
import { sorted } from './same-content.ts';

// Long lines stay whole: a diff is by line. Aliases would be cryptic.
const style = { lineWidth: 0, aliasDuplicateObjects: false } as const;

/** One YAML text: a document each, separated by `---`, ending in a newline; '' for none. */
export function printYaml(resources: readonly ConfigResource[]): string {
  return resources.map((resource) => printYamlValue(manifestOf(resource))).join('---\n');
}

/** Any JSON value as YAML. */
export function printYamlValue(value: unknown): string {
  const document = new Document(value, style);
  visit(document, {
    // A plain `<<` as a field's name would be read as YAML 1.1's merge key.
    Pair: (_, { key }) => {
      if (isScalar(key) && key.value === '<<') key.type = 'QUOTE_DOUBLE';
    },
  });
  return document.toString(style);
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
  if (isMeshConfig(resource)) {
    const { meshNetworks, ...mesh } = resource.spec;
    const networks = meshNetworks && { meshNetworks: printYamlValue(meshNetworks) };
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { mesh: printYamlValue(mesh), ...networks } };
  }
  return { apiVersion, kind, metadata, spec };
}

/**
 * The lines of a resource for a line diff: fields in order of their names, without what the mesh adds by itself (creation time), so
 * that only what a user changed differs. Empty for undefined (no such resource).
 */
export function diffLines(resource: ConfigResource | undefined): readonly string[] {
  if (resource === undefined) return [];
  const { createdAt: _, ...rest } = resource;
  return printYamlValue(sorted(manifestOf(rest)))
    .trimEnd()
    .split('\n');
}
