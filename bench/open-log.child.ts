// Child of bench/jetstream-log.ts: opens the log at a URL as a process that knows nothing of it, and says what that cost.
import { openJetStreamLogs } from '../events/logs/jetstream.ts';
import type { OpenCost } from './jetstream-log.ts';

const mib = (bytes: number) => Math.round(bytes / 2 ** 20);
const collectGarbage = () => (globalThis as { gc?: () => void }).gc?.();

collectGarbage();
const beforeMiB = mib(process.memoryUsage.rss());
const started = performance.now();
const { facts, deliveries } = await openJetStreamLogs(process.argv[2] ?? '');
const ms = Math.round(performance.now() - started);
collectGarbage();
const { external, heapUsed } = process.memoryUsage();
// maxRSS is in KiB.
const peakMiB = mib(process.resourceUsage().maxRSS * 1024);
const cost: OpenCost = { ms, beforeMiB, peakMiB, liveMiB: mib(heapUsed + external) };
console.log(JSON.stringify(cost));
await Promise.all([facts.close(), deliveries.close()]);
