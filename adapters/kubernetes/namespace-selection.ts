// Which namespaces of a cluster belong to the mesh: by the mesh configuration's discoverySelectors and the namespaces' labels.

import { meshConfigKey } from '../../mesh/config/mesh-config.ts';
import { sameContent } from '../../mesh/config/same-content.ts';
import type { LabelSelector } from '../../mesh/config/schemas/mesh-config.ts';

type Labels = Readonly<Record<string, string>>;

/** Without selectors all namespaces belong to it; the one of the mesh configuration always does. Mutable; belongs to one adapter. */
export class NamespaceSelection {
  #selectors: readonly LabelSelector[] = [];
  readonly #labels = new Map<string, Labels>();
  #revision = 0;

  /** Grows whenever a namespace may belong to the mesh that did not, or the other way round. */
  get revision(): number {
    return this.#revision;
  }

  has(namespace: string): boolean {
    if (this.#selectors.length === 0 || namespace === meshConfigKey.namespace) return true;
    const labels = this.#labels.get(namespace) ?? {};
    return this.#selectors.some((selector) => isSelectedBy(selector, labels));
  }

  /** Of the mesh configuration; undefined: there is none. */
  setSelectors(selectors: readonly LabelSelector[] = []): void {
    if (sameContent(selectors, this.#selectors)) return;
    this.#selectors = selectors;
    this.#revision++;
  }

  /** Of a namespace; undefined: it is gone. */
  setLabels(namespace: string, labels: Labels | undefined): void {
    const before = this.has(namespace);
    if (labels) this.#labels.set(namespace, labels);
    else this.#labels.delete(namespace);
    if (this.has(namespace) !== before) this.#revision++;
  }
}

/** Whether everything that the selector asks for is so; an empty one selects everything, as in Kubernetes. */
export function isSelectedBy({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels): boolean {
  const hasAll = Object.entries(matchLabels).every(([name, value]) => labels[name] === value);
  return hasAll && matchExpressions.every((expression) => holds(expression, labels));
}

function holds(
  { key, operator, values = [] }: NonNullable<LabelSelector['matchExpressions']>[number],
  labels: Labels,
): boolean {
  const value = labels[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return operator satisfies never;
  }
}
