// `--wait`: follows a change until every connected proxy holds it, one rejects it, or the time is over.
import { MeshError } from '../lib/mesh-error.ts';
import type { WaitProgress } from '../services/pilot/admin/schemas.ts';
import type { AdminClient } from './client.ts';
import type { CliContext } from './context.ts';
import { RejectedError } from './failure.ts';
import { withProgress } from './progress.ts';

/** Resolves with the last progress when all proxies acknowledged `position`. Throws MeshError `invalid` for a NACK or a timeout. */
export async function waitForProxies(
  context: Pick<CliContext, 'io'>,
  client: AdminClient,
  options: { readonly position: number; readonly timeoutMs: number },
): Promise<WaitProgress> {
  let latest: WaitProgress | undefined;
  const text = () => (latest === undefined ? 'waiting for proxies' : formatProgress(latest));
  const finished = async () => {
    const query = { position: options.position, timeoutSeconds: options.timeoutMs / 1000 };
    for await (const message of client.stream('/api/v1/wait', query)) {
      latest = JSON.parse(message.data) as WaitProgress;
      if (message.event === 'done') return latest;
      if (message.event === 'rejected') throw rejected(latest);
      if (message.event === 'timeout') throw timedOut(latest, options.timeoutMs);
    }
    throw new MeshError(
      'unavailable',
      `the connection ended before every proxy had position ${options.position}; "periplus proxy-status" shows where they are`,
    );
  };
  return await withProgress(context, text, finished());
}

/** `9/12 proxies, waiting for a.default, b.default and 1 more`. */
export function formatProgress(progress: WaitProgress): string {
  const counted = `${progress.acked}/${progress.total} proxies`;
  if (progress.laggards.length === 0) return counted;
  const named = progress.laggards.slice(0, 3);
  const more = progress.total - progress.acked - named.length;
  return `${counted}, waiting for ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function rejected(progress: WaitProgress): MeshError {
  return new RejectedError(
    'invalid',
    `a proxy rejected the change of position ${progress.position}; it keeps serving what it had\n  ${progress.error ?? ''}\n  the change is in the log: apply a corrected resource, or the earlier one ("periplus history KIND/NAME")`,
    [],
  );
}

function timedOut(progress: WaitProgress, timeoutMs: number): MeshError {
  return new MeshError(
    'invalid',
    `after ${timeoutMs / 1000} s only ${formatProgress(progress)}\n  the change is in the log and goes on reaching proxies; "periplus proxy-status" shows where they are`,
  );
}
