// The newest events of a log, kept in memory so that subscribers who keep up need no further round trip to the server.
import type { EventText } from './shared-stream.ts';

/** Characters kept: a few thousand events, more than a subscriber that keeps up is ever behind. */
const maxChars = 8 * 1024 * 1024;

/** Drops the oldest when it grows too large. */
export class RecentEvents {
  #entries: EventText[] = [];
  /** Entries before this one have been dropped. */
  #start = 0;
  #chars = 0;

  push(position: number, text: string, endsBatch: boolean): void {
    this.#entries.push({ position, text, endsBatch });
    this.#chars += text.length;
    while (this.#chars > maxChars && this.#entries.length - this.#start > 1) {
      this.#chars -= this.#entries[this.#start]?.text.length ?? 0;
      this.#start++;
    }
    if (this.#start < 4096 || this.#start * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#start);
    this.#start = 0;
  }

  /** Events from `from` through `to`; undefined when they are no longer here. */
  range(from: number, to: number): readonly EventText[] | undefined {
    const oldest = this.#entries[this.#start];
    if (oldest === undefined || from < oldest.position) return undefined;
    const at = this.#start + from - oldest.position;
    return this.#entries.slice(at, at + to - from + 1);
  }
}
