// exportTo: the namespaces that may see a resource.
import { isNamespace } from './hosts.ts';
import type { Place } from './place.ts';

/** Reports values that are not `.`, `*`, `~` or a namespace, and sets that contradict themselves. `~` is for ServiceEntry only. */
export function checkExportTo(
  exportTo: readonly string[] | undefined,
  place: Place,
  options: { readonly namespace: string; readonly none: boolean },
): void {
  const seen = new Map<string, string>();
  for (const [index, value] of (exportTo ?? []).entries()) {
    const known = value === '.' || value === '*' || (options.none && value === '~') || isNamespace(value);
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
  const values = [...seen.values()];
  if (values.includes('*') && values.includes('.')) place.error('* (all) and . (this namespace) contradict each other');
  if (values.includes('~') && values.length > 1) place.error('~ (none) must be the only value');
}
