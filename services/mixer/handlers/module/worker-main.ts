// The thread of a handler module: loads it, makes its handler, and has that answer what Mixer asks.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../../../lib/clock.ts';
import { portVersionProblem } from '../../../../lib/guest-thread.ts';
import { loadModule } from '../../../../lib/load-module.ts';
import { messageOf } from '../../../../lib/mesh-error.ts';
import type { Handler } from '../handler.ts';
import { type FromModule, type HandlerCall, handlerPortVersion, type ThreadData, type ToModule } from './messages.ts';

/** Longest message of a module's that is passed on. */
const maxMessage = 2_000;

type Say = (message: FromModule) => void;

async function create({ module, from, name, params }: ThreadData, say: Say): Promise<Handler> {
  const { portVersion, createHandler } = await loadModule(module, from).catch((error) => {
    throw new Error(`the module ${module} can't be loaded: ${messageOf(error)}; install it beside Periplus`);
  });
  const problem = portVersionProblem(portVersion, 'handler', handlerPortVersion);
  if (problem !== undefined) throw new Error(`the module ${module} ${problem}`);
  if (typeof createHandler !== 'function') throw new Error(`the module ${module} exports no function createHandler`);
  const log = (level: 'info' | 'warn' | 'error') => (fields: unknown, message?: string) =>
    say({ type: 'log', level, message: `${message ?? ''} ${JSON.stringify(fields)}`.trim().slice(0, maxMessage) });
  const logger = { info: log('info'), warn: log('warn'), error: log('error') };
  const made: unknown = await (createHandler as (params: unknown, means: unknown) => unknown)(params, {
    name,
    clock: systemClock,
    logger,
  });
  if (typeof made !== 'object' || made === null) throw new Error(`createHandler of ${module} gave no handler`);
  return made as Handler;
}

async function answer(handler: Handler, call: HandlerCall, signal: AbortSignal): Promise<unknown> {
  switch (call.method) {
    case 'check':
      return await handler.check?.(call.instance, signal);
    case 'quota':
      return await handler.quota?.(call.instance, call.request, signal);
    case 'report':
      if (handler.report === undefined) throw new Error('the handler has no report');
      await handler.report(call.batch, signal);
      return true;
    default:
      return call satisfies never;
  }
}

async function main(port: MessagePort, data: ThreadData): Promise<void> {
  const say: Say = (message) => port.postMessage(message);
  const stop = new AbortController();
  const calls = new Map<number, AbortController>();
  const making = create(data, say);
  const take = async (id: number, call: HandlerCall) => {
    const late = new AbortController();
    calls.set(id, late);
    try {
      say({ type: 'answer', id, value: await answer(await making, call, late.signal) });
    } catch (error) {
      say({ type: 'refusal', id, message: messageOf(error).slice(0, maxMessage) });
    } finally {
      calls.delete(id);
    }
  };
  // Before the module is loaded: it may never be, and Mixer asks whether this thread still lives.
  port.on('message', (message: ToModule) => {
    if (message.type === 'ping') say({ type: 'pong' });
    else if (message.type === 'call') void take(message.id, message.call);
    else if (message.type === 'abort') calls.get(message.id)?.abort(new Error('no answer in time'));
    else stop.abort(new Error('Mixer stops the handler'));
  });
  const stopped = new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve()));
  try {
    const handler = await making;
    await (handler.run?.(stop.signal) ?? stopped);
    await stopped;
    say({ type: 'ended' });
  } catch (error) {
    say(stop.signal.aborted ? { type: 'ended' } : { type: 'failed', message: messageOf(error).slice(0, maxMessage) });
  }
}

if (parentPort) await main(parentPort, workerData as ThreadData);
