// Writes what becomes of configuration resources into their `.status`: one at a time, only what differs, never from the watch's callbacks.
import type { Clock } from '../../lib/clock.ts';
import { messageOf } from '../../lib/mesh-error.ts';
import type { Problem } from '../../mesh/config/problem.ts';
import { ApiError } from './api-error.ts';
import type { ApiObject, KubernetesClient } from './client.ts';
import type { ConfigFeedback, Distribution, Findings } from './config-feedback.ts';
import { type IstioStatus, isFinal, nextStatus, type ResourceState, saysReached } from './istio-status.ts';

/** A version of a resource whose kind has a status. */
export interface StatusSubject {
  /** `config/KIND/NAMESPACE/NAME`, which is also the subject of its facts. */
  readonly scope: string;
  readonly kind: string;
  /** Of the status, such as `/apis/networking.istio.io/v1/namespaces/x/virtualservices/y/status`. */
  readonly path: string;
  readonly generation: number;
  readonly resourceVersion: string;
  readonly status: IstioStatus;
  readonly problems: readonly Problem[];
}

/** What the writer needs. */
export interface StatusWriterOptions {
  readonly client: Pick<KubernetesClient, 'patch'>;
  readonly feedback: ConfigFeedback;
  readonly clock: Clock;
  readonly timing: StatusTiming;
  /** Why statuses of a kind can't be written; undefined: they can again. */
  readonly onProblem: (kind: string, problem: string | undefined) => void;
}

/** Times, in milliseconds. */
export interface StatusTiming {
  /** Between looks: what happens within this time is one write. */
  readonly lookMs: number;
  /** At least between two writes of one status, so that a slow rollout is not a write for each proxy. */
  readonly gapMs: number;
  /** Between writes: at most 100 a second, whatever the size of the mesh. */
  readonly paceMs: number;
  /** Findings across resources cost the whole mesh: at most this often without a changed resource. */
  readonly findingsMs: number;
  /** Before a kind that we may not write is tried again. */
  readonly forbiddenMs: number;
}

/** See StatusTiming. */
export const defaultStatusTiming: StatusTiming = {
  lookMs: 250,
  gapMs: 2_000,
  paceMs: 10,
  findingsMs: 30_000,
  forbiddenMs: 60_000,
};

interface Entry {
  subject: StatusSubject;
  /** Position of the log at which the generation is in force; undefined: not in the log yet. */
  position: number | undefined;
  /** Every proxy held it when it was last looked at. */
  isReached: boolean;
  /** It was so at the last look: a refusal is in the log a moment after the answer that it came with. */
  wasFinal: boolean;
  notBeforeMs: number;
}

/** See the file's first line. Mutable; belongs to one adapter. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #entries = new Map<string, Entry>();
  /** Scopes of which more is to be said. */
  readonly #open = new Set<string>();
  readonly #forbiddenUntilMs = new Map<string, number>();
  #findings: Findings = { position: 0, problems: new Map() };
  #findingsAtMs = Number.NEGATIVE_INFINITY;
  /** Of what was placed last. */
  #newestPosition = 0;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** The platform shows this version. */
  note(subject: StatusSubject): void {
    const { scope, generation, status } = subject;
    const known = this.#entries.get(scope);
    this.#open.add(scope);
    // What is noted again after our own write keeps what is known of its generation.
    const isReached = saysReached(status, generation);
    if (known?.subject.generation === generation && known.subject.path === subject.path) {
      known.subject = subject;
      known.isReached &&= isReached;
    } else {
      this.#entries.set(scope, { subject, position: undefined, isReached, wasFinal: isReached, notBeforeMs: 0 });
    }
  }

  /** The platform shows it no longer. */
  forget(scope: string): void {
    this.#entries.delete(scope);
    this.#open.delete(scope);
  }

  /** Call before the facts of what was noted are appended, and what it gives when they are durable. */
  placing(): () => Promise<void> {
    const unplaced = [...this.#open].flatMap((scope) => {
      const entry = this.#entries.get(scope);
      return entry && entry.position === undefined ? [{ scope, generation: entry.subject.generation }] : [];
    });
    return async () => {
      if (unplaced.length === 0) return;
      const position = await this.#options.feedback.position();
      for (const { scope, generation } of unplaced) {
        const entry = this.#entries.get(scope);
        if (entry?.subject.generation === generation) entry.position ??= position;
      }
      this.#newestPosition = position;
    };
  }

  /** Until `signal` aborts. What goes wrong is tried again. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, timing } = this.#options;
    for (;;) {
      await clock.sleep(timing.lookMs, signal);
      this.#lookForFindings();
      await this.#writeDue(signal);
    }
  }

  #lookForFindings(): void {
    const { feedback, clock, timing } = this.#options;
    const isBehind = this.#findings.position < this.#newestPosition;
    if (!isBehind && clock.nowMs() - this.#findingsAtMs < timing.findingsMs) return;
    this.#findingsAtMs = clock.nowMs();
    const { problems: before } = this.#findings;
    this.#findings = feedback.findings() ?? this.#findings;
    const { problems } = this.#findings;
    for (const scope of this.#entries.keys()) {
      const key = keyOf(scope);
      if (JSON.stringify(before.get(key)) !== JSON.stringify(problems.get(key))) this.#open.add(scope);
    }
  }

  async #writeDue(signal: AbortSignal): Promise<void> {
    const { clock, timing, feedback } = this.#options;
    const distributions = new Map<number, Distribution>();
    const distributionAt = (position: number) => {
      const known = distributions.get(position) ?? feedback.distribution(position);
      distributions.set(position, known);
      return known;
    };
    for (const scope of [...this.#open]) {
      const entry = this.#entries.get(scope);
      if (!entry || entry.notBeforeMs > clock.nowMs()) continue;
      if ((this.#forbiddenUntilMs.get(entry.subject.kind) ?? 0) > clock.nowMs()) continue;
      const state = this.#stateOf(entry, distributionAt);
      if (state === undefined) continue;
      const isDone = isFinal(state);
      const isNew = isDone && state.distribution !== 'reached' && !entry.wasFinal;
      entry.wasFinal = isDone;
      if (isNew) continue;
      const next = nextStatus(entry.subject.status, state, new Date(clock.nowMs()).toISOString());
      if (next === undefined || (await this.#write(entry, next, signal))) {
        if (isDone) this.#open.delete(scope);
        entry.isReached ||= isDone && state.distribution !== 'reached' && !hasErrors(state);
      }
      if (next !== undefined) await clock.sleep(timing.paceMs, signal);
    }
  }

  /** Undefined while it can't be said yet. */
  #stateOf(
    { subject, position, isReached }: Entry,
    distributionAt: (position: number) => Distribution,
  ): ResourceState | undefined {
    const { scope, generation } = subject;
    const own = { subject: scope, generation, problems: subject.problems };
    // Findings across resources are about what is in force.
    if (hasErrors(own)) return { ...own, distribution: 'reached' };
    if (position === undefined && !isReached) return undefined;
    const { position: foundAt, problems: found } = this.#findings;
    if (position !== undefined && foundAt > 0 && foundAt < position) return undefined;
    const of = { ...own, problems: [...subject.problems, ...(found.get(keyOf(scope)) ?? [])] };
    return { ...of, distribution: isReached || position === undefined ? 'reached' : distributionAt(position) };
  }

  /** Whether it is written. */
  async #write(entry: Entry, status: IstioStatus, signal: AbortSignal): Promise<boolean> {
    const { client, clock, timing, onProblem } = this.#options;
    const { subject } = entry;
    entry.notBeforeMs = clock.nowMs() + timing.gapMs;
    try {
      // With the version that was read: what somebody else writes meanwhile is not undone (409).
      const body = { metadata: { resourceVersion: subject.resourceVersion }, status };
      const written = (await client.patch(subject.path, body, { signal })) as ApiObject;
      const { resourceVersion = subject.resourceVersion } = written.metadata;
      // The watch may have shown a newer one meanwhile.
      if (entry.subject === subject) entry.subject = { ...subject, resourceVersion, status };
      if (this.#forbiddenUntilMs.delete(subject.kind)) onProblem(subject.kind, undefined);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      this.#failed(subject, error);
      return false;
    }
  }

  /** Gone (404) and changed meanwhile (409) are for the watch to tell; what else is wrong passes or is said where reading fails, too. */
  #failed({ kind }: StatusSubject, error: unknown): void {
    const { clock, timing, onProblem } = this.#options;
    if (!(error instanceof ApiError) || error.status === 404 || error.status === 409) return;
    this.#forbiddenUntilMs.set(kind, clock.nowMs() + (error.status === 0 ? timing.gapMs : timing.forbiddenMs));
    if (error.status !== 0) onProblem(kind, `the status of ${kind} resources can not be written: ${messageOf(error)}`);
  }
}

const keyOf = (scope: string) => scope.slice(scope.indexOf('/') + 1);
const hasErrors = ({ problems }: { readonly problems: readonly Problem[] }) =>
  problems.some(({ severity }) => severity === 'error');
