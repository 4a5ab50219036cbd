// Just enough protobuf reading for a load client: fields of a message without decoding the resources inside.

/** One length-delimited field of a message: where its value lies. */
export interface Field {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

/** Calls `visit` for each length-delimited field of the message in `bytes[start, end)`; other wire types are skipped. */
export function visitFields(bytes: Uint8Array, start: number, end: number, visit: (field: Field) => void): void {
  let at = start;
  const varint = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  };
  while (at < end) {
    const tag = varint();
    const wireType = tag & 7;
    if (wireType === 0) varint();
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else {
      const length = varint();
      visit({ number: Math.floor(tag / 8), start: at, end: at + length });
      at += length;
    }
  }
}
