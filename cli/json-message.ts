// Reads fields of messages in proto3 JSON whose type is not known: what is missing or of another type reads as empty.

/** A proto3 JSON message of which we read some fields. */
export type Message = Readonly<Record<string, unknown>>;

/** A message; one without fields where it is something else. */
export function record(value: unknown): Message {
  return typeof value === 'object' && value !== null ? (value as Message) : {};
}

/** A repeated message. */
export function list(value: unknown): readonly Message[] {
  return Array.isArray(value) ? value.map(record) : [];
}

/** A repeated string. */
export function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(text) : [];
}

/** A string or number. */
export function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** The field that `path` leads to. */
export function at(message: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((value, field) => record(value)[field], message);
}
