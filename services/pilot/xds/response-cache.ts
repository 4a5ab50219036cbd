// Encoded responses that many streams are sent: equal but for the nonce, which is therefore chosen with the bytes.
import { createHash } from 'node:crypto';
import type { ManifestEntry } from '../../../events/delivery-facts.ts';
import { encodeResponse, type Protocol } from './response-codec.ts';
import type { Selection } from './selection.ts';

/** One response, ready to be written to any number of streams. */
export interface SharedResponse {
  readonly nonce: string;
  /** Grows with every encoding: a stream that had this one already needs another nonce. */
  readonly serial: number;
  readonly bytes: Buffer;
}

/** What tells responses apart. */
export interface ResponseKey {
  readonly protocol: Protocol;
  readonly typeUrl: string;
  readonly version: string;
  readonly selection: Selection;
}

/** A response's contents as deliveries record them. */
export interface Manifest {
  /** First 32 hex digits of SHA-256 over type and lists. */
  readonly hash: string;
  readonly resources: readonly ManifestEntry[];
  readonly removed: readonly string[];
}

interface Entry extends ResponseKey, SharedResponse {}

/** Remembers encodings for as long as others may want them: a wave of pushes. */
export class ResponseCache {
  readonly #maxBytes: number;
  readonly #controlPlane: string;
  /** Insertion order is age. A selection has one encoding per protocol and version; the newest is kept. */
  readonly #entries = new Map<Selection, Entry>();
  readonly #manifests = new WeakMap<Selection, Map<string, Manifest>>();
  #bytes = 0;
  #serial = 0;

  /** `maxBytes` 16 MiB: some ten full states of a 500-service mesh; what is forgotten is spliced again in microseconds. */
  constructor(options: { readonly controlPlane: string; readonly maxBytes?: number }) {
    this.#controlPlane = options.controlPlane;
    this.#maxBytes = options.maxBytes ?? 16 * 1024 * 1024;
  }

  /** The response for `key` with a nonce newer than `afterSerial`, the last that the asking stream was sent. */
  get(key: ResponseKey, afterSerial: number): SharedResponse {
    const known = this.#entries.get(key.selection);
    if (known && known.serial > afterSerial && isSame(known, key)) return known;
    const serial = ++this.#serial;
    const nonce = serial.toString(36);
    const bytes = encodeResponse(
      {
        protocol: key.protocol,
        typeUrl: key.typeUrl,
        version: key.version,
        resources: key.selection.updated,
        removed: key.selection.removed,
      },
      { nonce, controlPlane: this.#controlPlane },
    );
    const entry = { ...key, serial, nonce, bytes };
    this.#keep(entry, known);
    return entry;
  }

  /** The manifest of a selection, hashed once however many streams are sent it. */
  manifest(typeUrl: string, selection: Selection): Manifest {
    let manifests = this.#manifests.get(selection);
    if (manifests === undefined) this.#manifests.set(selection, (manifests = new Map()));
    let manifest = manifests.get(typeUrl);
    if (manifest === undefined) manifests.set(typeUrl, (manifest = manifestOf(typeUrl, selection)));
    return manifest;
  }

  /** Lets every encoding go: nobody is waiting for one. */
  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #keep(entry: Entry, replaced: Entry | undefined): void {
    if (replaced) {
      this.#entries.delete(entry.selection);
      this.#bytes -= replaced.bytes.length;
    }
    if (entry.bytes.length > this.#maxBytes) return;
    this.#entries.set(entry.selection, entry);
    this.#bytes += entry.bytes.length;
    for (const [selection, oldest] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#entries.delete(selection);
      this.#bytes -= oldest.bytes.length;
    }
  }
}

function isSame(a: ResponseKey, b: ResponseKey): boolean {
  return a.protocol === b.protocol && a.typeUrl === b.typeUrl && a.version === b.version;
}

function manifestOf(typeUrl: string, { updated, removed }: Selection): Manifest {
  const resources = updated.map(({ name, version }): ManifestEntry => [name, version]);
  const hash = createHash('sha256').update(typeUrl);
  for (const [name, version] of resources) hash.update(`\n+${name}\n${version}`);
  for (const name of removed) hash.update(`\n-${name}`);
  return { hash: hash.digest('hex').slice(0, 32), resources, removed };
}
