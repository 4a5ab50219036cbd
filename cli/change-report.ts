// What apply and delete print: one line a resource, warnings, and how far the change has come.
import { formatProblem, type Problem } from '../mesh/config/problem.ts';
import type { ChangeResponse, WaitProgress } from '../services/pilot/admin/schemas.ts';
import type { AdminClient } from './client.ts';
import type { CliContext } from './context.ts';
import { json } from './output.ts';
import { resourceTitle } from './resource-title.ts';
import { waitForProxies } from './wait-for-proxies.ts';

/** How to report a change. */
export interface ReportOptions {
  readonly output?: string;
  readonly wait?: boolean;
  readonly timeout?: number;
}

/** A minute: an idle mesh answers in milliseconds, a proxy that restarts in seconds. */
export const defaultWaitMs = 60_000;

/** Prints `change`, waits for proxies when asked to, and prints how that ended. `apiVersions` by `Kind/namespace/name` give titles their group. */
export async function reportChange(
  context: CliContext,
  client: AdminClient,
  change: ChangeResponse,
  options: ReportOptions & {
    readonly apiVersions?: ReadonlyMap<string, string>;
    /** Warnings that have been printed, with their places. */
    readonly printed?: readonly Problem[];
  },
): Promise<void> {
  const asJson = options.output === 'json';
  const said = new Set(options.printed?.map(keyOfProblem));
  for (const warning of change.warnings.filter((problem) => !said.has(keyOfProblem(problem))))
    context.io.err(`${context.errStyle.yellow('warning:')} ${formatProblem({ ...warning, severity: 'error' })}\n`);
  if (!asJson) context.io.out(formatResults(change, options.apiVersions));
  let proxies: WaitProgress | undefined;
  if (options.wait && !change.dryRun) {
    const timeoutMs = options.timeout ?? defaultWaitMs;
    proxies = await waitForProxies(context, client, { position: change.position, timeoutMs });
    if (!asJson) context.io.out(`${proxies.acked}/${proxies.total} proxies\n`);
  }
  if (asJson) {
    const progress = proxies === undefined ? {} : { proxies: { acked: proxies.acked, total: proxies.total } };
    context.io.out(json({ ...change, ...progress }));
  }
}

const keyOfProblem = ({ resource, path, message }: Pick<Problem, 'resource' | 'path' | 'message'>) =>
  JSON.stringify([resource, path, message]);

/** `virtualservice.networking.istio.io/reviews configured`, one line each; the namespace is said when it is not `default`. */
export function formatResults(change: ChangeResponse, apiVersions: ReadonlyMap<string, string> = new Map()): string {
  return change.results
    .map((result) => {
      const apiVersion = apiVersions.get(`${result.kind}/${result.namespace}/${result.name}`);
      const title = resourceTitle({ ...result, ...(apiVersion === undefined ? {} : { apiVersion }) });
      const where = result.namespace === 'default' ? '' : ` in namespace ${result.namespace}`;
      return `${title} ${result.action}${where}${change.dryRun ? ' (dry run)' : ''}\n`;
    })
    .join('');
}
