// An adapter out of an npm module: it runs in a thread of its own, and is believed only what makes sense. docs/guides/writing-an-adapter.md.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import type { Adapter, AdapterSink, Observed } from '../adapter.ts';
import { subjectOf } from '../fact.ts';
import { runSessions } from '../sessions.ts';
import { checkObserved } from './check-observed.ts';
import type { SentError, SinkCall, ThreadData } from './messages.ts';
import { defaultModuleLimits, type ModuleLimits, ModuleThread } from './module-thread.ts';

/** Which module, and what it is told. */
export interface ModuleAdapterOptions {
  /** A package's name, or a path that begins with `.` or `/`. */
  readonly module: string;
  /** Given to `createAdapter` as it is; plain data. */
  readonly config: unknown;
  /** Folders from whose point of view the module is looked for, in order. */
  readonly folders: readonly string[];
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly limits?: Partial<ModuleLimits>;
}

/** Of Periplus' own adapters and of configuration: nobody else may write their subjects. */
const reserved: ReadonlySet<string> = new Set([
  ...['kubernetes', 'consul', 'nomad', 'docker', 'files', 'service-entry'],
  ...['proxy', 'mixer', 'pilot'],
]);

/**
 * Loads the module once to learn whose adapter it is; each run has a thread of its own. Rejects with MeshError `usage` when there is no such
 * module, it is written for another version of the port, or does not give an adapter; what fails later is a platform that is lost.
 */
export async function loadModuleAdapter(options: ModuleAdapterOptions): Promise<Adapter> {
  const thread = startThread(options);
  try {
    const { platform, instance } = identityOf(options.module, await thread.created());
    return { platform, instance, run: (sink, signal) => run(options, { platform, instance }, { sink, signal }) };
  } catch (error) {
    throw new MeshError('usage', `--adapter ${options.module}: ${messageOf(error)}`, { cause: error });
  } finally {
    await thread.end();
  }
}

interface Identity {
  readonly platform: string;
  readonly instance: string;
}
interface Means {
  readonly sink: AdapterSink;
  readonly signal: AbortSignal;
}

function startThread({ module, config, folders, logger, limits }: ModuleAdapterOptions): ModuleThread {
  const from = folders.map((folder) => pathToFileURL(join(folder, 'periplus.js')).href);
  const data: ThreadData = { module, from, config };
  return new ModuleThread(data, { logger, limits: { ...defaultModuleLimits, ...limits } });
}

function identityOf(
  module: string,
  { platform, instance }: { readonly platform: unknown; readonly instance: unknown },
): Identity {
  if (typeof platform !== 'string' || !/^[a-z][a-z0-9-]{0,40}$/.test(platform))
    throw new MeshError('usage', `the adapter of ${module} has no platform: a name of a-z, 0-9 and dashes`);
  if (reserved.has(platform))
    throw new MeshError('usage', `the adapter of ${module} calls its platform "${platform}", which is Periplus' own`);
  if (typeof instance !== 'string' || !/^[\w.:@-]{1,100}$/.test(instance))
    throw new MeshError(
      'usage',
      `the adapter of ${module} has no instance: letters, digits and . _ : @ -, such as default`,
    );
  return { platform, instance };
}

/** A thread that fails, hangs or ends is a platform that can't be read: what it said stays, and another thread is started. */
function run(options: ModuleAdapterOptions, identity: Identity, { sink, signal }: Means): Promise<void> {
  const { clock = systemClock, logger } = options;
  const { platform, instance } = identity;
  const ear = new SinkEar(sink, platform);
  return runSessions((until) => session(options, identity, { ear, signal: until }), { sink, clock, signal }).catch(
    (error) => {
      logger.error({ adapter: `${platform} ${instance}`, error: messageOf(error) }, 'the adapter ends');
      throw error;
    },
  );
}

async function session(
  options: ModuleAdapterOptions,
  identity: Identity,
  { ear, signal }: { readonly ear: SinkEar; readonly signal: AbortSignal },
): Promise<void> {
  const thread = startThread(options);
  const limits = { ...defaultModuleLimits, ...options.limits };
  const silent = setTimeout(
    () => ear.silent(`the adapter of ${options.module} has said nothing for ${limits.firstWordMs} ms since its start`),
    limits.firstWordMs,
  );
  try {
    const { platform, instance } = identityOf(options.module, await thread.created());
    if (platform !== identity.platform || instance !== identity.instance)
      throw new MeshError('invalid', `the adapter of ${options.module} calls itself ${platform}/${instance} now`);
    await thread.run(({ id, call }) => {
      clearTimeout(silent);
      void ear.hear(call).then((error) => thread.send({ type: 'done', id, ...(error && { error }) }));
    }, signal);
  } finally {
    clearTimeout(silent);
    await thread.end();
  }
}

/** Hands a module's words to the runner's sink when they make sense; hears one run of the adapter, whatever threads that takes. */
class SinkEar {
  readonly #sink: AdapterSink;
  readonly #platform: string;
  /** Scopes whose newest content made no sense. */
  readonly #refused = new Set<string>();

  constructor(sink: AdapterSink, platform: string) {
    this.#sink = sink;
    this.#platform = platform;
  }

  /** Nothing was heard. */
  silent(reason: string): void {
    this.#sink.lost(reason);
  }

  /** Resolves with what to tell the module when its word is refused. */
  async hear(call: SinkCall): Promise<SentError | undefined> {
    try {
      await this.#pass(call);
      return undefined;
    } catch (error) {
      return { code: error instanceof MeshError ? error.code : 'unavailable', message: messageOf(error) };
    }
  }

  async #pass(call: SinkCall): Promise<void> {
    switch (call.method) {
      case 'replaceAll':
        return await this.#replaceAll(call);
      case 'synced':
        if (!isTexts(call.scopes)) throw new MeshError('invalid', 'synced() takes a list of scopes');
        return await this.#sink.synced(call.scopes);
      case 'lost':
        return this.#sink.lost(String(call.reason).slice(0, 1_000));
      case 'problem':
        return this.#sink.problem(
          String(call.scope).slice(0, 500),
          call.message === undefined ? undefined : String(call.message).slice(0, 1_000),
        );
      default:
        return call satisfies never;
    }
  }

  /** All or nothing; a scope that makes no sense is named by `periplus check`, and keeps what it had. */
  async #replaceAll({ contents, time, keepMissing, explicit }: Extract<SinkCall, { method: 'replaceAll' }>) {
    if (!(contents instanceof Map)) throw new MeshError('invalid', 'replaceAll() takes a Map of scopes');
    const checked = new Map<string, readonly Observed[]>();
    for (const [scope, items] of contents) {
      try {
        checked.set(scope, checkObserved(scope, items, this.#platform));
      } catch (error) {
        this.#refused.add(String(scope));
        this.#sink.problem(String(scope), messageOf(error));
        throw error;
      }
    }
    const gone = new Set(explicit);
    await this.#sink.replaceAll(checked, {
      ...(typeof time === 'string' && !Number.isNaN(Date.parse(time)) && { time: new Date(time).toISOString() }),
      ...(keepMissing === true && { keepMissing }),
      explicit: (observed) => gone.has(subjectOf(observed)),
    });
    for (const scope of checked.keys()) if (this.#refused.delete(scope)) this.#sink.problem(scope, undefined);
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string' && each.length <= 500);
}
