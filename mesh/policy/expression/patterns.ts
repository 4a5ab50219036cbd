// Regular expressions in time linear in the text (RE2), within a bound on their size: hostile ones cost no more than long ones.
import { RE2JS, RE2JSException } from 're2js';

/** Longest pattern, in characters: Envoy's default bound on program size refuses most that are longer. */
export const maxPatternLength = 1_024;

/** Whether the whole text, or a part of it, matches is up to the pattern's anchors: as Go's `regexp.MatchString`, a part is enough. */
export type Pattern = (text: string) => boolean;

/** A compiled pattern; a text says what is wrong with it. */
export function compilePattern(source: string): Pattern | string {
  if (source.length > maxPatternLength) return `it is longer than ${maxPatternLength} characters`;
  try {
    const compiled = RE2JS.compile(source);
    return (text) => compiled.matcher(text).find();
  } catch (error) {
    if (error instanceof RE2JSException) return error.message;
    throw error;
  }
}
