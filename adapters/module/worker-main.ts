// The thread of an adapter module: loads it, runs its adapter, and hands what that says to the control plane's thread.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { portVersionProblem } from '../../lib/guest-thread.ts';
import { loadModule } from '../../lib/load-module.ts';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import type { Adapter } from '../adapter.ts';
import type { FromModule, SentError, ThreadData, ToModule } from './messages.ts';
import { adapterPortVersion } from './port-version.ts';
import { ThreadSink } from './thread-sink.ts';

async function create(data: ThreadData): Promise<Adapter> {
  const { module } = data;
  const { portVersion, createAdapter } = await loadModule(module, data.from).catch((error) => {
    throw new MeshError('usage', `the adapter module ${module} can't be loaded: ${messageOf(error)}`);
  });
  const problem = portVersionProblem(portVersion, 'adapter', adapterPortVersion);
  if (problem !== undefined)
    throw new MeshError('usage', `the adapter module ${module} ${problem}: install a release of the module for it`);
  if (typeof createAdapter !== 'function')
    throw new MeshError('usage', `the adapter module ${module} exports no function createAdapter`);
  try {
    const adapter: unknown = await createAdapter(data.config);
    if (typeof (adapter as Partial<Adapter> | null)?.run !== 'function')
      throw new Error('it gave no adapter (an object with platform, instance and run)');
    return adapter as Adapter;
  } catch (error) {
    throw new MeshError('usage', `createAdapter of ${module}: ${messageOf(error)}`);
  }
}

/** A module may have a copy of MeshError of its own: the name tells. */
function sent(error: unknown): SentError {
  const { name, code } = (error ?? {}) as { readonly name?: unknown; readonly code?: unknown };
  const isOurs = name === 'MeshError' && typeof code === 'string';
  return { code: isOurs ? (code as SentError['code']) : 'unavailable', message: messageOf(error).slice(0, 2_000) };
}

async function main(port: MessagePort): Promise<void> {
  const say = (message: FromModule) => port.postMessage(message);
  const stop = new AbortController();
  const started = Promise.withResolvers<void>();
  const sink = new ThreadSink(say, stop.signal);
  // Before the module is loaded: it may never be, and the control plane asks whether this thread still lives.
  port.on('message', (message: ToModule) => {
    if (message.type === 'ping') say({ type: 'pong' });
    else if (message.type === 'done') sink.done(message.id, message.error);
    else if (message.type === 'run') started.resolve();
    else stop.abort(new Error('the control plane stops the adapter'));
  });
  try {
    const adapter = await create(workerData as ThreadData);
    say({ type: 'created', platform: adapter.platform, instance: adapter.instance });
    await started.promise;
    await adapter.run(sink, stop.signal);
    say({ type: 'ended' });
  } catch (error) {
    say(stop.signal.aborted ? { type: 'ended' } : { type: 'failed', error: sent(error) });
  }
}

if (parentPort) await main(parentPort);
