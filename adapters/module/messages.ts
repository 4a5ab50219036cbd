// What the control plane's thread and an adapter module's thread say to each other.
import type { MeshErrorCode } from '../../lib/mesh-error.ts';
import type { Observed } from '../adapter.ts';

/** What a module's thread is started with. */
export interface ThreadData {
  /** As in the configuration: a package's name or a path. */
  readonly module: string;
  /** URLs of files in the folders from which it is looked for, in order. */
  readonly from: readonly string[];
  readonly config: unknown;
}

/** An error on its way to the other thread. */
export interface SentError {
  readonly code: MeshErrorCode;
  readonly message: string;
}

/** What the adapter says through its sink. */
export type SinkCall =
  | {
      readonly method: 'replaceAll';
      readonly contents: ReadonlyMap<string, readonly Observed[]>;
      readonly time?: string;
      readonly keepMissing?: boolean;
      /** Subjects of what the platform itself said to be gone, of all that this thread has said before. */
      readonly explicit: readonly string[];
    }
  | { readonly method: 'synced'; readonly scopes: readonly string[] }
  | { readonly method: 'lost'; readonly reason: string }
  | { readonly method: 'problem'; readonly scope: string; readonly message: string | undefined };

/** From the module's thread. */
export type FromModule =
  | { readonly type: 'created'; readonly platform: unknown; readonly instance: unknown }
  | { readonly type: 'failed'; readonly error: SentError }
  | { readonly type: 'call'; readonly id: number; readonly call: SinkCall }
  | { readonly type: 'ended' }
  | { readonly type: 'pong' };

/** To the module's thread. */
export type ToModule =
  | { readonly type: 'run' }
  | { readonly type: 'stop' }
  | { readonly type: 'ping' }
  | { readonly type: 'done'; readonly id: number; readonly error?: SentError };
