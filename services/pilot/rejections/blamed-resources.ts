// Which resources of a refused response the client means: those that its message names.
import type { ManifestEntry } from '../../../events/delivery-facts.ts';

/** Characters of resource names: where one ends, a longer name goes on. */
const nameCharacter = /[\w.|~/:-]/;

/**
 * The resources that `message` names; Envoy writes `Error adding/updating cluster(s) NAME: why, NAME: why`. All of `sent` where it
 * names none: then it is one of them. Names that are part of a longer name do not count.
 */
export function blamedResources(sent: readonly ManifestEntry[], message: string): readonly ManifestEntry[] {
  const named = sent.filter(([name]) => isNamed(name, message));
  return named.length > 0 ? named : sent;
}

function isNamed(name: string, message: string): boolean {
  if (name === '') return false;
  for (let at = message.indexOf(name); at !== -1; at = message.indexOf(name, at + 1)) {
    if (!goesOn(message, at - 1, -1) && !goesOn(message, at + name.length, 1)) return true;
  }
  return false;
}

/** Whether the name goes on at `at`; a full stop or colon that ends a sentence or begins an explanation does not. */
function goesOn(message: string, at: number, step: 1 | -1): boolean {
  const character = message[at] ?? '';
  if (!nameCharacter.test(character)) return false;
  if (step === -1 || (character !== '.' && character !== ':')) return true;
  return nameCharacter.test(message[at + 1] ?? '');
}
