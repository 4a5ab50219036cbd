// What Mixer's thread and a handler module's thread say to each other.
import type { Instance, QuotaRequest } from '../handler.ts';

/** The version of the handler port that modules are written for (`export const portVersion = 1`): it changes when they have to. */
export const handlerPortVersion = 1;

/** What a module's thread is started with. */
export interface ThreadData {
  /** A package's name. */
  readonly module: string;
  /** URLs of files in the folders from which it is looked for, in order. */
  readonly from: readonly string[];
  /** `NAME.NAMESPACE` of the handler resource. */
  readonly name: string;
  readonly params: unknown;
}

/** One call of a handler's method. */
export type HandlerCall =
  | { readonly method: 'check'; readonly instance: Instance }
  | { readonly method: 'quota'; readonly instance: Instance; readonly request: QuotaRequest }
  | { readonly method: 'report'; readonly batch: readonly Instance[] };

/** To the module's thread. */
export type ToModule =
  | { readonly type: 'call'; readonly id: number; readonly call: HandlerCall }
  | { readonly type: 'abort'; readonly id: number }
  | { readonly type: 'ping' }
  | { readonly type: 'stop' };

/** From the module's thread. */
export type FromModule =
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'refusal'; readonly id: number; readonly message: string }
  | { readonly type: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly message: string }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'ended' }
  | { readonly type: 'pong' };
