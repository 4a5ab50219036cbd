// Where in the stream an event is: its position is its sequence number, until a message that holds several events shifts the rest.

interface Span {
  readonly position: number;
  readonly sequence: number;
  /** All positions from here to the next span lie in this one message. */
  readonly packed: boolean;
}

/** Messages are added in order of sequence. Takes memory only for messages of several events. */
export class SequenceMap {
  readonly #spans: Span[] = [{ position: 1, sequence: 1, packed: false }];

  /** Notes that the message `sequence` holds `count` events from `position` on. */
  add(sequence: number, position: number, count: number): void {
    if (count === 1) return;
    if (this.#spans.at(-1)?.position === position) this.#spans.pop();
    this.#spans.push({ position, sequence, packed: true });
    this.#spans.push({ position: position + count, sequence: sequence + 1, packed: false });
  }

  /** Position of the first event of a message. */
  firstOf(sequence: number): number {
    const span = this.#last((one) => one.sequence <= sequence);
    return span.position + sequence - span.sequence;
  }

  /** Sequence of the message that holds the event, and the position of the message's first. */
  of(position: number): { readonly sequence: number; readonly first: number } {
    const span = this.#last((one) => one.position <= position);
    if (span.packed) return { sequence: span.sequence, first: span.position };
    return { sequence: span.sequence + position - span.position, first: position };
  }

  /** The last span that is `before`, which holds for all up to some span and for none after it. */
  #last(before: (span: Span) => boolean): Span {
    let [low, high] = [0, this.#spans.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (before(this.#spans[middle] as Span)) low = middle;
      else high = middle - 1;
    }
    return this.#spans[low] as Span;
  }
}
