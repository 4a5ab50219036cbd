// A real agent, with its Envoy, that joins the traffic cases' mesh for one case.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent } from '../../agent/agent.ts';
import type { AgentOptions } from '../../agent/agent-options.ts';
import type { ProxyIdentity } from '../../agent/proxy-node.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import type { Pilot } from '../../services/pilot/pilot.ts';
import { envoyPath } from '../support/envoy.ts';
import { freePorts } from '../support/free-port.ts';
import { waitFor } from '../support/wait-for.ts';
import type { JoinedAgent } from './case.ts';

/** Resolves when its Envoy is ready. */
export async function startCaseAgent(
  identity: ProxyIdentity,
  { pilot, more }: { readonly pilot: Pilot; readonly more: Partial<AgentOptions> },
): Promise<JoinedAgent> {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-case-agent-'));
  const [admin = 0, status = 0] = await freePorts(2);
  const count = () => [...pilot.streams].length;
  const before = count();
  const agent = new Agent({
    identity,
    pilotAddresses: [`127.0.0.1:${pilot.xdsPort}`],
    envoy: await envoyPath(),
    folder,
    ports: { admin, status, readiness: 0, prometheus: 0 },
    drainSeconds: 0,
    logger: silentLogger,
    clock: systemClock,
    ...more,
  });
  const ending = new AbortController();
  const ended = agent.run(ending.signal);
  const stop = async () => {
    ending.abort();
    await ended;
    rmSync(folder, { recursive: true, force: true });
    await waitFor(() => count() <= before, { what: `${identity.name} to be gone`, everyMs: 5 });
  };
  const stats = async (name: string) => await (await fetch(`http://127.0.0.1:${admin}/stats?filter=${name}`)).text();
  try {
    await waitFor(async () => (await agent.readiness()).ready, {
      what: `${identity.name} to be ready`,
      limitMs: 30_000,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop, stats };
}
