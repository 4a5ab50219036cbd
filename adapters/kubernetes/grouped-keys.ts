// Several keys under each of several names.

const none: ReadonlySet<string> = new Set();

/** See the file's first line. Mutable. */
export class GroupedKeys {
  readonly #keys = new Map<string, Set<string>>();

  of(name: string): ReadonlySet<string> {
    return this.#keys.get(name) ?? none;
  }

  /** The last one in order. */
  last(name: string): string | undefined {
    return [...this.of(name)].sort().at(-1);
  }

  add(name: string, key: string): void {
    const known = this.#keys.get(name);
    if (known) known.add(key);
    else this.#keys.set(name, new Set([key]));
  }

  delete(name: string, key: string): void {
    const known = this.#keys.get(name);
    if (known?.delete(key) && known.size === 0) this.#keys.delete(name);
  }
}
