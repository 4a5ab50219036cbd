// Asks a Prometheus, where the proxies' metrics are, and says how to find it where it does not answer.
import { MeshError, messageOf } from '../lib/mesh-error.ts';

/** One series of an answer: its labels and its samples, `[Unix seconds, value as text]`. https://prometheus.io/docs/prometheus/latest/querying/api/ */
export interface PrometheusSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [seconds: number, value: string])[];
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: { readonly result: readonly PrometheusSeries[] };
}

/** How long a question may take. */
const limitMs = 30_000;

/**
 * The matrix that answers `path` (`query` with a range selector, or `query_range`) of Prometheus' HTTP API at `url`.
 * Rejects with MeshError `unavailable` when Prometheus does not answer or refuses.
 */
export async function askPrometheus(
  url: string,
  path: 'query' | 'query_range',
  parameters: Readonly<Record<string, string>>,
): Promise<readonly PrometheusSeries[]> {
  let answer: Answer;
  try {
    const question = `${url.replace(/\/$/, '')}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`;
    const response = await fetch(question, { signal: AbortSignal.timeout(limitMs) });
    answer = (await response.json()) as Answer;
  } catch (error) {
    const what = `Prometheus at ${url} does not answer: ${messageOf(error)}`;
    throw new MeshError('unavailable', `${what}; say where it is with --prometheus URL`, { cause: error });
  }
  if (answer.status !== 'success') throw new MeshError('unavailable', `Prometheus at ${url}: ${answer.error}`);
  return answer.data?.result ?? [];
}
