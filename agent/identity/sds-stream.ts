// What one SDS stream is subscribed to and has been sent, in both variants of the protocol (envoyproxy.io, "xDS protocol"). Pure.
import type { EncodedSecret } from './sds-secrets.ts';

/** What a request says, in either variant. */
export interface SdsRequest {
  readonly nonce: string;
  /** Why the last response was refused; undefined: it was not. */
  readonly error: string | undefined;
  /** SotW: all names wanted. Delta: names wanted in addition. */
  readonly names: readonly string[];
  /** Delta. */
  readonly unsubscribe: readonly string[];
  /** Delta: version by name of what the client kept from an earlier stream. */
  readonly initialVersions: Readonly<Record<string, string>>;
}

/** What to send. */
export interface SdsResponse {
  readonly nonce: string;
  readonly version: string;
  readonly secrets: readonly EncodedSecret[];
  /** Delta: names wanted that do not exist. */
  readonly removed: readonly string[];
}

/** See the file's first line. `undefined` secrets: there are none yet, and the client waits, as Envoy does for its listeners. */
export class SdsStream {
  readonly #delta: boolean;
  #names: ReadonlySet<string> = new Set();
  /** Version by name of what was sent on this stream, or kept by the client from before. */
  #sent = new Map<string, string>();
  #nonce = 0;
  #answered = 0;
  #refusal: string | undefined;

  constructor(options: { readonly delta: boolean }) {
    this.#delta = options.delta;
  }

  /** Whether the client wants a secret of this name and has not answered the last response. */
  awaits(name: string): boolean {
    return this.#names.has(name) && this.#answered < this.#nonce;
  }

  /** Why the client refused the last response that it answered, if it wants a secret of this name. */
  refusalOf(name: string): string | undefined {
    return this.#names.has(name) ? this.#refusal : undefined;
  }

  /** Takes a request in; false when it answers an older response than the last and says nothing new. */
  request(request: SdsRequest): boolean {
    if (request.nonce !== '') {
      this.#answered = Math.max(this.#answered, Number(request.nonce) || 0);
      this.#refusal = request.error;
    }
    // "stale nonce": the client has not seen the last response yet; its answer to that one is on its way.
    if (!this.#delta && request.nonce !== '' && request.nonce !== String(this.#nonce)) return false;
    if (this.#delta) {
      this.#names = new Set([...this.#names, ...request.names].filter((name) => !request.unsubscribe.includes(name)));
      for (const name of request.unsubscribe) this.#sent.delete(name);
      // A name that is asked for again is sent again, whatever was sent before.
      for (const name of request.names) this.#sent.delete(name);
      for (const [name, version] of Object.entries(request.initialVersions)) this.#sent.set(name, version);
    } else {
      this.#names = new Set(request.names);
      for (const name of this.#sent.keys()) if (!this.#names.has(name)) this.#sent.delete(name);
    }
    return true;
  }

  /** The response that is due; undefined when the client has everything. */
  respond(secrets: ReadonlyMap<string, EncodedSecret> | undefined): SdsResponse | undefined {
    if (!secrets) return undefined;
    const wanted = [...this.#names].sort();
    const held = wanted.flatMap((name) => secrets.get(name) ?? []);
    const news = held.filter(({ name, version }) => this.#sent.get(name) !== version);
    const missing = wanted.filter((name) => !secrets.has(name) && this.#sent.get(name) !== '');
    if (news.length === 0 && (missing.length === 0 || !this.#delta)) return undefined;
    for (const { name, version } of news) this.#sent.set(name, version);
    for (const name of missing) this.#sent.set(name, '');
    const version = held.map((secret) => secret.version).join('-');
    const removed = this.#delta ? missing : [];
    return { nonce: String(++this.#nonce), version, secrets: this.#delta ? news : held, removed };
  }
}
