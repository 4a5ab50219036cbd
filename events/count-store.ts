// The count store port: small values that several processes change together, each change made from the value that is there.

/** A value and the revision that the next change has to name. */
export interface StoredCount {
  readonly value: string;
  readonly revision: number;
}

/** Keeps counts. All calls reject with MeshError `unavailable` while the store is away. */
export interface CountStore {
  /** The newest value; undefined: there is none, or its time has run out. */
  read(key: string): Promise<StoredCount | undefined>;
  /**
   * Replaces the value of this revision (0: there is none) and gives the new revision. `conflict`: somebody else was first, read again;
   * `full`: there is no room for it.
   */
  write(key: string, value: string, change: CountChange): Promise<number | 'conflict' | 'full'>;
}

/** How a value is written. */
export interface CountChange {
  readonly revision: number;
  /** How long it has to be kept, in ms; undefined: until it is replaced. */
  readonly keepMs: number | undefined;
}

/** Longest key; letters, digits, `-` and `_` (a digest in base64url). */
export const maxCountKeyLength = 64;
