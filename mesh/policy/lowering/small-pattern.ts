// Which regular expressions are surely within the program size that Envoy allows in CEL (100): others would never match there.

/** Longest pattern that is lowered: each plain character is one instruction of RE2's program, and some are added. */
const maxCharacters = 60;

/** Plain ASCII with anchors, dots, groups, alternatives, `*`, `+`, `?` and small classes; no counts, no Unicode classes, no flags. */
export function isSmallPattern(pattern: string): boolean {
  if (pattern.length > maxCharacters || !/^[\x20-\x7e]*$/.test(pattern)) return false;
  // A dot or a negated class is several instructions in UTF-8.
  const wide = pattern.match(/\\[DSWdsw]|\.|\[\^/g)?.length ?? 0;
  if (pattern.length + 8 * wide > maxCharacters + 30) return false;
  return !/\{|\(\?|\\[pPQEbBAzC]/.test(pattern);
}
