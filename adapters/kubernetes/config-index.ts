// A cluster's configuration resources: what is valid and new is handed on, what is not is reported and what it said before stays.
import { isMeshConfig } from '../../mesh/config/mesh-config.ts';
import { parseObject } from '../../mesh/config/parse.ts';
import { formatProblem, hasErrors, type Problem } from '../../mesh/config/problem.ts';
import { validateObjects } from '../../mesh/config/validate.ts';
import type { Observed } from '../adapter.ts';
import type { ApiObject } from './client.ts';
import type { IstioStatus } from './istio-status.ts';
import { NamespaceSelection } from './namespace-selection.ts';
import type { StatusSubject, StatusWriter } from './status-writer.ts';

/** What `istio.io/rev` is to say of resources of a control plane without a revision of its own, as in Istio. */
export const defaultRevision = 'default';

/** More than this many findings in one object help nobody. */
const shownProblems = 20;

/** What a version of an object means, judged once and then kept instead of the object. */
export interface ConfigReading {
  /** `config/KIND/NAMESPACE/NAME`. */
  readonly scope: string;
  readonly resourceVersion: string | undefined;
  /** `known`: this version was judged before. */
  /** Of kinds with a status. */
  readonly subject?: StatusSubject;
  readonly verdict: 'known' | { readonly items: readonly Observed[] } | { readonly problem: string };
}

/** What of a cluster's configuration is this control plane's. */
export interface ConfigScope {
  readonly revision?: string | undefined;
  /** Told of the selectors in the mesh configuration. */
  readonly selection?: NamespaceSelection;
}

/** A kind, and the path of its collection when its objects have a status. */
interface ReadKind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly path?: string;
}

function judge(
  object: ApiObject,
  { apiVersion, kind, path }: ReadKind,
  place: Omit<ConfigReading, 'verdict'>,
): ConfigReading {
  const { object: parsed, problems } = parseObject({ ...object, apiVersion, kind });
  const found = parsed && !hasErrors(problems) ? [...problems, ...validateObjects([parsed])] : problems;
  const subject = path === undefined ? undefined : subjectOf(object, { ...place, kind, path, problems: found });
  const whole = { ...place, ...(subject && { subject }) };
  if (hasErrors(found)) return { ...whole, verdict: { problem: textOf(found) } };
  // Other objects of a watched kind (a ConfigMap without mesh configuration) say nothing.
  return {
    ...whole,
    verdict: { items: parsed?.type === 'config' ? [{ kind: 'config', value: parsed.resource }] : [] },
  };
}

function subjectOf(
  { metadata, status }: ApiObject,
  of: Pick<StatusSubject, 'scope' | 'kind' | 'path' | 'problems'>,
): StatusSubject | undefined {
  const { namespace, name, resourceVersion, generation } = metadata;
  if (!namespace || !name || !resourceVersion || typeof generation !== 'number') return undefined;
  const { path: collection, scope, kind, problems } = of;
  const split = collection.lastIndexOf('/');
  const path = `${collection.slice(0, split)}/namespaces/${namespace}${collection.slice(split)}/${name}/status`;
  return { scope, kind, path, problems, generation, resourceVersion, status: statusOf(status) };
}

/** Only what is Istio's form: others may write there, too. */
function statusOf(value: unknown): IstioStatus {
  const { conditions, validationMessages, observedGeneration } = (value ?? {}) as IstioStatus;
  return {
    ...(Array.isArray(conditions) && { conditions }),
    ...(Array.isArray(validationMessages) && { validationMessages }),
    ...(observedGeneration !== undefined && { observedGeneration }),
  };
}

function textOf(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').map(formatProblem);
  const more = errors.length > shownProblems ? [`and ${errors.length - shownProblems} more`] : [];
  return [...errors.slice(0, shownProblems), ...more].join('\n');
}

function scopeOf(kind: string, namespace: string, name: string): string {
  return `config/${kind}/${namespace}/${name}`;
}

/** See the file's first line. Mutable; belongs to one adapter. */
export class ConfigIndex {
  readonly #onProblem: (scope: string, problem: string | undefined) => void;
  readonly #status: Pick<StatusWriter, 'note' | 'forget'> | undefined;
  readonly #revision: string;
  readonly #selection: NamespaceSelection;
  /** Resource version by scope, of each kind. */
  readonly #known = new Map<string, Map<string, string | undefined>>();
  #changes = new Map<string, readonly Observed[]>();

  constructor(
    onProblem: (scope: string, problem: string | undefined) => void,
    status?: Pick<StatusWriter, 'note' | 'forget'>,
    { revision = defaultRevision, selection = new NamespaceSelection() }: ConfigScope = {},
  ) {
    this.#onProblem = onProblem;
    this.#status = status;
    this.#revision = revision;
    this.#selection = selection;
  }

  /** Judges an object of `kind` (list items don't say theirs), unless it did so before. */
  read(object: ApiObject, kind: ReadKind): ConfigReading {
    const { namespace = 'default', name = '', resourceVersion } = object.metadata;
    const place = { scope: scopeOf(kind.kind, namespace, name), resourceVersion };
    const isKnown = resourceVersion !== undefined && this.#of(kind.kind).get(place.scope) === resourceVersion;
    if (isKnown) return { ...place, verdict: 'known' };
    return this.#isForOthers(object) || !this.#selection.has(namespace)
      ? { ...place, verdict: { items: [] } }
      : judge(object, kind, place);
  }

  /** A resource that is labelled for another control plane's revision says nothing to this one, and its status is that one's to write. */
  #isForOthers({ metadata }: ApiObject): boolean {
    const revision = (metadata.labels as Readonly<Record<string, string>> | undefined)?.['istio.io/rev'];
    return revision !== undefined && revision !== this.#revision;
  }

  /** Everything of one kind that exists now. */
  replace(kind: string, readings: readonly ConfigReading[]): void {
    const present = new Set(readings.map(({ scope }) => scope));
    for (const scope of this.#of(kind).keys()) if (!present.has(scope)) this.remove(kind, scope);
    for (const reading of readings) this.set(kind, reading);
  }

  set(kind: string, { scope, resourceVersion, verdict, subject }: ConfigReading): void {
    if (verdict === 'known') return;
    if (subject) this.#status?.note(subject);
    else this.#status?.forget(scope);
    this.#of(kind).set(scope, resourceVersion);
    if ('items' in verdict) {
      this.#changes.set(scope, verdict.items);
      this.#noteSelectors(kind, verdict.items);
    }
    this.#onProblem(scope, 'problem' in verdict ? verdict.problem : undefined);
  }

  remove(kind: string, scope: string): void {
    if (!this.#of(kind).delete(scope)) return;
    this.#changes.set(scope, []);
    this.#noteSelectors(kind, []);
    this.#status?.forget(scope);
    this.#onProblem(scope, undefined);
  }

  #noteSelectors(kind: string, [item]: readonly Observed[]): void {
    if (kind !== 'ConfigMap') return;
    const resource = item?.kind === 'config' ? item.value : undefined;
    this.#selection.setSelectors(resource && isMeshConfig(resource) ? resource.spec.discoverySelectors : undefined);
  }

  /** Has versions of the kind judged again that were before: it is served in another way now. */
  reread(kind: string): void {
    const known = this.#of(kind);
    for (const scope of known.keys()) known.set(scope, undefined);
  }

  /** Every scope that exists, those with a problem included. */
  scopes(): readonly string[] {
    return [...this.#known.values()].flatMap((scopes) => [...scopes.keys()]);
  }

  get hasChanges(): boolean {
    return this.#changes.size > 0;
  }

  /** What changed since it was last called, by scope; an empty list where the resource is gone. */
  takeChanges(): ReadonlyMap<string, readonly Observed[]> {
    const changes = [...this.#changes];
    this.#changes = new Map();
    // What was read before the mesh configuration was may be in no namespace of the mesh.
    const isOurs = ({ value }: Observed) => this.#selection.has(value.namespace);
    return new Map(changes.map(([scope, items]) => [scope, items.filter(isOurs)]));
  }

  #of(kind: string): Map<string, string | undefined> {
    const known = this.#known.get(kind) ?? new Map<string, string | undefined>();
    this.#known.set(kind, known);
    return known;
  }
}
