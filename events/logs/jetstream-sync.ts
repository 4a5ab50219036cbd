// What only the NATS server's monitoring port tells: whether it syncs every write to its disk (by default every two minutes: a power cut loses what
// it acknowledged), and why it does not write.
import type { Logger } from '../../lib/logger.ts';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import type { JetStreamAddress } from './jetstream-url.ts';

const advice = 'set jetstream { sync_interval: always } in its configuration';

/**
 * Asks the server's monitoring port (docs.nats.io, Monitoring, /jsz), when the URL names it; a client can't see the setting otherwise, so
 * then it only says what to set. Throws MeshError `invalid` when the server does not sync always, `unavailable` when it doesn't answer.
 */
export async function checkSync(address: JetStreamAddress, logger: Logger): Promise<void> {
  if (address.monitoring === undefined) {
    logger.warn({}, `can't see whether NATS syncs every write: ${advice}, and name its monitoring port in the URL`);
    return;
  }
  const url = `${address.monitoring}/jsz?config=1`;
  let config: { readonly sync_always?: boolean } | undefined;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    config = ((await response.json()) as { config?: { sync_always?: boolean } }).config;
  } catch (error) {
    throw new MeshError('unavailable', `${url} can't be read: ${messageOf(error)}`, { cause: error });
  }
  if (config?.sync_always !== true)
    throw new MeshError(
      'invalid',
      `the NATS server does not sync every write, a power cut would lose events: ${advice}`,
    );
}

/** What `/healthz` of the monitoring port complains of (docs.nats.io, Monitoring); undefined when all is well or nothing is known. Never rejects. */
export async function serverComplaint(monitoring: string | undefined): Promise<string | undefined> {
  if (monitoring === undefined) return undefined;
  try {
    const response = await fetch(`${monitoring}/healthz`, { signal: AbortSignal.timeout(5_000) });
    const { error } = (await response.json()) as { error?: unknown };
    return typeof error === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}
