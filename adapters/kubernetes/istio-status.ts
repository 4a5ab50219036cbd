// What a resource's `.status` should say, in Istio's shape (istio.io/latest/docs/reference/config/config-status, IstioStatus). Pure.
import { analysisMessages, levelOf } from '../../mesh/config/analyze/messages.ts';
import { formatProblem, type Problem } from '../../mesh/config/problem.ts';
import type { Distribution, Refusal } from './config-feedback.ts';

/** istio.meta.v1alpha1.IstioCondition. */
export interface IstioCondition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  /** RFC 3339. */
  readonly lastTransitionTime?: string;
  readonly reason?: string;
  readonly message?: string;
}

/** istio.analysis.v1alpha1.AnalysisMessageBase. The text itself has no place there: it is the condition's message. */
export interface ValidationMessage {
  readonly documentationUrl?: string;
  readonly level: 'ERROR' | 'WARNING' | 'INFO';
  readonly type: { readonly code: string; readonly name?: string };
}

/** istio.meta.v1alpha1.IstioStatus. */
export interface IstioStatus {
  readonly conditions?: readonly IstioCondition[];
  readonly validationMessages?: readonly ValidationMessage[];
  /** Generation that all of this is about. */
  readonly observedGeneration?: number | string;
}

/** What is known of one generation of a resource. */
export interface ResourceState {
  /** Of its facts. */
  readonly subject: string;
  readonly generation: number;
  /** Of the resource itself and across resources. An error: it is not in force, what it said before is. */
  readonly problems: readonly Problem[];
  /** `reached`: every proxy held it already when it was last looked at, which stays said. */
  readonly distribution: Distribution | 'reached';
}

/** As many findings and refusals as people read; and a status must stay small against etcd's limit. */
const shown = { problems: 20, refusals: 3, messageLength: 4_000 } as const;

/** True once nothing more is expected of this generation. */
export function isFinal(state: ResourceState): boolean {
  const { distribution } = state;
  if (isInvalid(state) || distribution === 'reached') return true;
  const { proxies, waiting } = distribution;
  return proxies > 0 && waiting === 0 && refusalsOf(state.subject, distribution).length === 0;
}

/** Whether `current` says that every proxy holds `generation`. */
export function saysReached(current: IstioStatus, generation: number): boolean {
  const reconciled = current.conditions?.find(({ type }) => type === 'Reconciled');
  return Number(current.observedGeneration) === generation && reconciled?.status === 'True';
}

/** What to write instead of `current`; undefined when that says the same. Conditions of others are kept. `time`: RFC 3339. */
export function nextStatus(current: IstioStatus, state: ResourceState, time: string): IstioStatus | undefined {
  const ours = [
    validated(state),
    ...(state.distribution === 'reached' && !isInvalid(state) ? [] : [reconciled(state)]),
  ];
  const known = current.conditions ?? [];
  const conditions = [
    ...known.map((condition) => ours.find(({ type }) => type === condition.type) ?? condition),
    ...ours.filter(({ type }) => known.every((condition) => condition.type !== type)),
  ].map((condition) => dated(condition, known, time));
  const messages = state.problems.slice(0, shown.problems).map(messageOf);
  const isSame =
    JSON.stringify(conditions.map(textOf)) === JSON.stringify(known.map(textOf)) &&
    JSON.stringify(messages.map(codeOf)) === JSON.stringify((current.validationMessages ?? []).map(codeOf)) &&
    Number(current.observedGeneration) === state.generation;
  if (isSame) return undefined;
  return { conditions, validationMessages: messages, observedGeneration: state.generation };
}

const isInvalid = ({ problems }: ResourceState) => problems.some(({ severity }) => severity === 'error');

function validated(state: ResourceState): IstioCondition {
  const { problems } = state;
  const lines = problems.slice(0, shown.problems).map(({ resource: _, ...problem }) => formatProblem(problem));
  const more = problems.length > lines.length ? [`and ${problems.length - lines.length} more`] : [];
  const message = [...lines, ...more].join('\n').slice(0, shown.messageLength);
  if (isInvalid(state)) return { type: 'PassedValidation', status: 'False', reason: 'Invalid', message };
  return { type: 'PassedValidation', status: 'True', ...(message && { reason: 'Warnings', message }) };
}

function reconciled(state: ResourceState): IstioCondition {
  const type = 'Reconciled';
  if (isInvalid(state) || state.distribution === 'reached')
    return { type, status: 'False', reason: 'Invalid', message: 'Not applied: what it said before stays in force.' };
  const { proxies, waiting: behind, laggards } = state.distribution;
  const refusals = refusalsOf(state.subject, state.distribution);
  const upToDate = proxies - behind - refusals.length;
  if (proxies === 0) return { type, status: 'Unknown', reason: 'NoProxies', message: 'No proxy is connected.' };
  const count = `${upToDate}/${proxies} proxies up to date.`;
  if (upToDate === proxies) return { type, status: 'True', message: count };
  if (refusals.length > 0) {
    const said = refusals
      .slice(0, shown.refusals)
      .map(({ proxy, message }) => `${proxy} refused the configuration: ${message}`);
    return {
      type,
      status: 'False',
      reason: 'Rejected',
      message: `${count} ${said.join('; ')}`.slice(0, shown.messageLength),
    };
  }
  const waiting = laggards.length > 0 ? ` Waiting for ${laggards.slice(0, 5).join(', ')}.` : '';
  return { type, status: 'False', reason: 'stillPropagating', message: `${count}${waiting}` };
}

/** Those that may be due to the resource: what is known to come from others is not its fault. */
function refusalsOf(subject: string, { refusals }: Distribution): readonly Refusal[] {
  return refusals.filter(({ subjects }) => subjects.length === 0 || subjects.includes(subject));
}

/** A condition that says the same as before keeps the time since when it does. */
function dated(condition: IstioCondition, known: readonly IstioCondition[], time: string): IstioCondition {
  const before = known.find(({ type }) => type === condition.type);
  const since = before?.status === condition.status ? before.lastTransitionTime : undefined;
  return { ...condition, lastTransitionTime: since ?? time };
}

const levelTexts = { Error: 'ERROR', Warning: 'WARNING', Info: 'INFO' } as const;

function messageOf(problem: Problem): ValidationMessage {
  const { code = 'IST0106' } = problem;
  const name = analysisMessages[code]?.name;
  return {
    documentationUrl: `https://istio.io/latest/docs/reference/config/analysis/${code.toLowerCase()}/`,
    level: levelTexts[levelOf(problem)],
    type: { code, ...(name && { name }) },
  };
}

const textOf = ({ type, status, reason = '', message = '' }: IstioCondition) => [type, status, reason, message];
const codeOf = ({ level, type }: ValidationMessage) => [level, type?.code];
