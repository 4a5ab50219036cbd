// Runs one agent until it is killed: `node run-agent.ts OPTIONS-JSON`; prints Envoy's process id once it runs.
import { Agent } from '../../agent/agent.ts';
import type { AgentOptions } from '../../agent/agent-options.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as Omit<AgentOptions, 'logger' | 'clock'>;
const agent = new Agent({ ...options, logger: silentLogger, clock: systemClock });
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const told = setInterval(() => {
  if (agent.envoyPid === undefined) return;
  clearInterval(told);
  process.stdout.write(`${agent.envoyPid}\n`);
}, 20);
await agent.run(stop.signal);
