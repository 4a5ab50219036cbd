import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { kinds } from '../../mesh/config/schemas/kinds.ts';
import { readYaml } from '../../mesh/config/yaml-source.ts';

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
  readonly spec?: {
    readonly group: string;
    readonly names: { readonly kind: string; readonly plural: string };
    readonly versions: readonly { readonly name: string; readonly subresources?: { readonly status?: object } }[];
  };
}

const read = (name: string) => {
  const text = readFileSync(new URL(`../../deploy/kubernetes/${name}`, import.meta.url), 'utf8');
  return readYaml(text, {}).documents.map(({ value }) => value as Manifest);
};

const definitions = read('crds.yaml').flatMap(({ spec }) => spec ?? []);
const ruleOf = (role: string, group: string, resource: string) =>
  read('rbac.yaml')
    .filter(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === role)
    .flatMap(({ rules }) => rules ?? [])
    .find(({ apiGroups, resources }) => apiGroups.includes(group) && resources.includes(resource));
const configKinds = [...kinds.values()].filter(({ type }) => type === 'config');
const isIstios = (apiVersion = '') => /^(?:networking|security|telemetry|extensions)\.istio\.io\//.test(apiVersion);
/** As Istio's own definitions have it. */
const istioPlural = (kind: string) => `${kind.toLowerCase()}s`.replace(/(?<!a)ys$/, 'ies');

describe('deploy/kubernetes', () => {
  it.each(configKinds.filter(({ apiVersions }) => !isIstios(apiVersions[0])))(
    'crds.yaml defines $kind',
    ({ kind, apiVersions }) => {
      const found = definitions.find(({ names }) => names.kind === kind);
      expect(found?.versions.map(({ name }) => `${found.group}/${name}`)).toEqual([apiVersions[0]]);
      expect(found?.versions[0]?.subresources?.status).toEqual({});
    },
  );

  it.each(configKinds)(
    'rbac.yaml lets the adapter read $kind and write its status, and no more',
    ({ kind, apiVersions }) => {
      const [group = ''] = apiVersions[0]?.split('/') ?? [];
      const plural = definitions.find(({ names }) => names.kind === kind)?.names.plural ?? istioPlural(kind);
      expect(ruleOf('periplus-adapter', group, plural)?.verbs).toEqual(['list', 'watch']);
      expect(ruleOf('periplus-status', group, `${plural}/status`)?.verbs).toEqual(['patch']);
      expect(ruleOf('periplus-status', group, plural)).toBeUndefined();
    },
  );

  it('rbac.yaml grants nothing by a wildcard', () => {
    const granted = read('rbac.yaml').flatMap(({ rules }) => rules ?? []);
    expect(granted.length).toBeGreaterThan(10);
    expect(JSON.stringify(granted)).not.toContain('*');
  });
});
