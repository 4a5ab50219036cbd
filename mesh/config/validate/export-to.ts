// exportTo: the namespaces that may see a resource.
import { isDnsLabel } from './hosts.ts';
import type { Place } from './place.ts';

/** Reports values that are not `.`, `*`, `~` or a namespace, and sets that contradict themselves. `~` is for ServiceEntry only. */
export function checkExportTo(
  exportTo: readonly string[] | undefined,
  place: Place,
  options: { readonly namespace: string; readonly none: boolean },
): void {
  const seen = new Map<string, string>();
  for (const [index, value] of (exportTo ?? []).entries()) {
    const known = value === '.' || value === '*' || (options.none && value === '~') || isDnsLabel(value);
    if (!known)
      place
        .at(index)
        .error(
          `expected . (this namespace), * (all)${options.none ? ', ~ (none)' : ''} or a namespace, found ${JSON.stringify(value)}`,
        );
    const meaning = value === '.' ? options.namespace : value;
    const earlier = seen.get(meaning);
    if (earlier !== undefined)
      place
        .at(index)
        .error(
          earlier === value
            ? `${JSON.stringify(value)} is given twice`
            : '. and the namespace itself mean the same; give one',
        );
    seen.set(meaning, value);
  }
  if (seen.has('*') && seen.size > 1) place.error('* (all) must be the only value');
  if (options.none && seen.has('~') && seen.size > 1) place.error('~ (none) must be the only value');
}
