// The list handler: compares a value with a list from a file or URL that is read again and again (istio.io/v1.4/docs/reference/config/policy-and-telemetry/adapters/list).
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import { durationMs } from '../../../mesh/config/quantities.ts';
import type { ListcheckerParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { ipOf } from '../../../mesh/policy/expression/values.ts';
import { type ListMatcher, listMatcher } from '../check/list-matcher.ts';
import { textOf } from './field-values.ts';
import {
  type CheckResult,
  type FieldValue,
  type Handler,
  type HandlerKind,
  type HandlerMeans,
  type Instance,
  type RpcStatus,
  rpcCodes,
} from './handler.ts';
import { entriesOf, readSource } from './list-source.ts';

/** What a rule of a Policy adds: its own words for who is refused. */
export type ListParams = ListcheckerParams & { readonly refusal?: RpcStatus };

/** Mixer's default. */
const defaultRefreshMs = 60_000;
/** Mixer's default: a list that could not be read for so long is not believed any more. */
const defaultTtlMs = 300_000;
/** Mixer's default. */
const defaultUses = 10_000;
/** One read; the source is asked again at the next refresh. */
const readMs = 10_000;

/** See the file's first line. */
export const listchecker: HandlerKind<ListParams> = {
  name: 'listchecker',
  templates: ['listentry'],
  create: (params, means) => new ListHandler(params, means),
};

interface Loaded {
  readonly matches: ListMatcher;
  readonly atMs: number;
}

class ListHandler implements Handler {
  readonly #params: ListParams;
  readonly #means: HandlerMeans;
  readonly #refreshMs: number;
  readonly #ttlMs: number;
  readonly #overrides: ListMatcher;
  #loaded: Loaded | undefined;
  #loading: Promise<void> | undefined;

  constructor(params: ListParams, means: HandlerMeans) {
    this.#params = params;
    this.#means = means;
    this.#refreshMs = durationMs(params.refreshInterval ?? '') ?? defaultRefreshMs;
    this.#ttlMs = Math.max(durationMs(params.ttl ?? '') ?? defaultTtlMs, this.#refreshMs);
    this.#overrides = listMatcher(params.entryType ?? 'STRINGS', params.overrides ?? []);
  }

  /** Synchronous once there is a list; rejects while there is none, or none that may still be believed. */
  check(instance: Instance): CheckResult | Promise<CheckResult> {
    if (!this.#params.providerUrl || this.#isFresh()) return this.#answer(instance);
    return this.#load().then(() => this.#answer(instance));
  }

  /** Reads the list again and again. */
  async run(signal: AbortSignal): Promise<void> {
    const { providerUrl } = this.#params;
    while (!signal.aborted) {
      const read = providerUrl ? this.#load(signal) : Promise.resolve();
      await read.catch((error) =>
        this.#means.logger.warn(
          { handler: this.#means.name, error: messageOf(error) },
          'a list can not be read; the last one stays in use until its ttl is over',
        ),
      );
      await this.#means.clock.sleep(this.#refreshMs, signal).catch(() => {});
    }
  }

  #isFresh(): boolean {
    const { clock } = this.#means;
    return this.#loaded !== undefined && clock.nowMs() - this.#loaded.atMs < this.#ttlMs;
  }

  /** One read at a time, however many ask for it. */
  #load(signal?: AbortSignal): Promise<void> {
    this.#loading ??= this.#read(signal).finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #read(signal?: AbortSignal): Promise<void> {
    const { providerUrl = '', entryType = 'STRINGS' } = this.#params;
    const late = AbortSignal.timeout(readMs);
    const text = await readSource(providerUrl, signal === undefined ? late : AbortSignal.any([signal, late]));
    // A list with a line that is no entry is not used at all: half a list would let in, or lock out, who it should not.
    const matches = listMatcher(entryType, entriesOf(text, entryType));
    this.#loaded = { matches, atMs: this.#means.clock.nowMs() };
  }

  #answer({ fields: { value } }: Instance): CheckResult {
    const { blacklist = false, cachingInterval, cachingUseCount, providerUrl, refusal } = this.#params;
    if (providerUrl && this.#loaded === undefined)
      throw new MeshError('unavailable', `${this.#means.name}: the list was not read yet`);
    const text = textOf(value);
    const isListed = value !== undefined && (this.#overrides(text) || this.#loaded?.matches(text) === true);
    const refused = refusal ?? { code: rpcCodes.permissionDenied, message: `${this.#means.name}:rejected` };
    return {
      status: this.#noAddress(value) ?? (isListed === blacklist ? refused : { code: rpcCodes.ok, message: '' }),
      // Not longer than until the list is read again.
      validForMs: Math.min(durationMs(cachingInterval ?? '') ?? this.#refreshMs, this.#refreshMs),
      validUses: cachingUseCount ?? defaultUses,
    };
  }

  /** What a value gets that is no address, of a list of addresses; a Policy has its own words for who is not listed. */
  #noAddress(value: FieldValue | undefined): RpcStatus | undefined {
    const { entryType, refusal } = this.#params;
    if (entryType !== 'IP_ADDRESSES' || refusal !== undefined || value === undefined) return undefined;
    if (ipOf(textOf(value)) !== undefined) return undefined;
    return { code: rpcCodes.invalidArgument, message: `${this.#means.name}:no IP address` };
  }
}
