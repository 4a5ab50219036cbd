// A third party's handler: an npm module that exports `createHandler`, in a thread of its own so that it can't take Mixer down.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MeshError } from '../../../../lib/mesh-error.ts';
import { isPackageName } from '../../../../mesh/policy/module-name.ts';
import {
  type CheckResult,
  type Handler,
  type HandlerMeans,
  type Instance,
  type QuotaRequest,
  type QuotaResult,
  rpcCodes,
} from '../handler.ts';
import { defaultThreadLimits, HandlerThread, type ThreadLimits } from './handler-thread.ts';
import type { HandlerCall, ThreadData } from './messages.ts';

/** What a module handler is made of. */
export interface ModuleOptions {
  /** A package's name. */
  readonly module: string;
  /** As in the configuration; the module checks them. */
  readonly params: unknown;
  readonly means: HandlerMeans;
  /** From where packages are looked for; default: the working folder, then Periplus itself. */
  readonly folders?: readonly string[];
  readonly limits?: Partial<ThreadLimits>;
}

/** Throws MeshError `invalid` for a name that is no package's. The module is loaded when it is first asked, or run. */
export function moduleHandler(options: ModuleOptions): Handler {
  const { module, means } = options;
  if (!isPackageName(module))
    throw new MeshError('invalid', `handler ${means.name}: ${JSON.stringify(module)} is no name of an npm package`);
  return new ModuleHandler(options);
}

class ModuleHandler implements Handler {
  readonly #data: ThreadData;
  readonly #means: HandlerMeans;
  readonly #limits: ThreadLimits;
  #thread: HandlerThread | undefined;

  constructor({ module, params, means, limits, folders = [process.cwd(), import.meta.dirname] }: ModuleOptions) {
    const from = folders.map((folder) => pathToFileURL(join(folder, 'periplus-handler.js')).href);
    this.#data = { module, params, from, name: means.name };
    this.#means = means;
    this.#limits = { ...defaultThreadLimits, ...limits };
  }

  async check(instance: Instance, signal: AbortSignal): Promise<CheckResult> {
    return checkResultOf(await this.#ask({ method: 'check', instance }, signal), this.#means.name);
  }

  async quota(instance: Instance, request: QuotaRequest, signal: AbortSignal): Promise<QuotaResult> {
    const answer = await this.#ask({ method: 'quota', instance, request }, signal);
    return quotaResultOf(answer, request, this.#means.name);
  }

  async report(batch: readonly Instance[], signal: AbortSignal): Promise<void> {
    await this.#ask({ method: 'report', batch }, signal);
  }

  /** Rejects when the thread fails: who supervises starts it anew. */
  async run(signal: AbortSignal): Promise<void> {
    const thread = this.#running();
    const stop = () => void thread.stop();
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    const reason = await thread.ended;
    signal.removeEventListener('abort', stop);
    if (reason !== undefined && !signal.aborted) throw reason;
  }

  #ask(call: HandlerCall, signal: AbortSignal): Promise<unknown> {
    return this.#running().ask(call, signal);
  }

  #running(): HandlerThread {
    if (this.#thread === undefined || this.#thread.isOver)
      this.#thread = new HandlerThread(this.#data, this.#limits, this.#means.logger);
    return this.#thread;
  }
}

interface Answer {
  readonly status?: { readonly code?: unknown; readonly message?: unknown };
  readonly validForMs?: unknown;
  readonly validUses?: unknown;
  readonly granted?: unknown;
}

function statusOf({ status }: Answer, name: string) {
  const { code, message = '' } = status ?? {};
  if (
    Number.isInteger(code) &&
    Number(code) >= 0 &&
    Number(code) <= rpcCodes.unauthenticated &&
    typeof message === 'string'
  )
    return { code: Number(code), message: message.slice(0, 1_000) };
  throw new MeshError('invalid', `handler ${name}: its module's answer has no status with a code from 0 to 16`);
}

const amountOf = (value: unknown, otherwise: number) => (typeof value === 'number' && value >= 0 ? value : otherwise);

function checkResultOf(value: unknown, name: string): CheckResult {
  const answer = (value ?? {}) as Answer;
  return {
    status: statusOf(answer, name),
    validForMs: amountOf(answer.validForMs, 0),
    validUses: amountOf(answer.validUses, 1),
  };
}

function quotaResultOf(value: unknown, { amount }: QuotaRequest, name: string): QuotaResult {
  const answer = (value ?? {}) as Answer;
  const granted = Math.min(amountOf(answer.granted, 0), amount);
  return { status: statusOf(answer, name), granted, validForMs: amountOf(answer.validForMs, 0) };
}
