// docs/reference/envoy-filter.md: what each operation of an EnvoyFilter does to each kind of object, and the tests that show it.
import {
  type PatchOperation,
  type PatchTarget,
  patchEffect,
  patchOperations,
  patchTargets,
} from '../../mesh/config/envoy-filter-operations.ts';
import type { EnvoyFilterSpec } from '../../mesh/config/schemas/envoy-filter.ts';
import { matrixTestName } from '../../services/pilot/translate/envoy-filter/operation-matrix-fixture.ts';
import type { Claim } from '../../test/traffic/case.ts';
import { markdownTable, page } from './markdown.ts';

/** The page; `claims`: the cases on real Envoys by their area. */
export function envoyFilterPage(claims: Readonly<Record<string, readonly Claim[]>>): string {
  const cases = casesByPair(claims);
  const rows = (Object.keys(patchTargets) as PatchTarget[]).flatMap((target) =>
    patchOperations.map((operation) => [
      `\`${target}\``,
      `\`${operation}\``,
      patchEffect(target, operation),
      matrixTestName(target, operation),
      cases.get(pairKey(target, operation))?.join('<br>') ?? '',
    ]),
  );
  return page(
    '# EnvoyFilter: what each operation does',
    [
      'As istiod does it. *as ADD*: the object is in no list in which order matters. *no effect*: the patch is accepted, with a warning.',
      'Every pair has a unit test on a whole translation (`services/pilot/translate/envoy-filter/operation-matrix.test.ts`), named in the',
      'fourth column; the last names the cases whose patches real Envoys take, judged by what requests see. Matches, contexts, proxies and',
      'priorities are in [traffic.md](traffic.md#envoyfilter).',
    ].join('\n'),
    markdownTable(['applyTo', 'operation', 'effect', 'unit test', 'on real Envoys'], rows),
  );
}

function casesByPair(claims: Readonly<Record<string, readonly Claim[]>>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string>>();
  for (const [area, list] of Object.entries(claims)) {
    for (const { name, manifests } of list) {
      for (const manifest of manifests) {
        if (manifest.kind !== 'EnvoyFilter') continue;
        for (const { applyTo = 'INVALID', patch } of (manifest.spec as EnvoyFilterSpec).configPatches ?? []) {
          const key = pairKey(applyTo, patch?.operation ?? 'INVALID');
          found.set(key, (found.get(key) ?? new Set()).add(`${area}: ${name}`));
        }
      }
    }
  }
  return new Map([...found].map(([key, names]) => [key, [...names]]));
}

function pairKey(target: PatchTarget | 'INVALID', operation: PatchOperation | 'INVALID'): string {
  return `${target} ${operation}`;
}
