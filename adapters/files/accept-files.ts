// Decides which files' new content comes into force: a file is applied whole or not at all, and no object is in two files.
import { type ParsedObject, parseDocuments } from '../../mesh/config/parse.ts';
import { formatProblem, hasErrors } from '../../mesh/config/problem.ts';
import { validateObjects } from '../../mesh/config/validate.ts';
import type { ParsedFile } from './translate-files.ts';

/** The new content of a file: parsed, or what is wrong with it. */
export type Candidate = { readonly file: ParsedFile } | { readonly problem: string };

/** What is in force, and what is wrong with the files whose newest content is not. Both by path. */
export interface Acceptance {
  readonly accepted: ReadonlyMap<string, ParsedFile>;
  readonly problems: ReadonlyMap<string, string>;
}

/** More than this many findings in one file help nobody. */
const shownProblems = 20;

/** Parses and validates one file. `shownPath` is how people know it. */
export function readCandidate(path: string, text: string, shownPath: string): Candidate {
  const { objects, problems } = parseDocuments(text, { file: shownPath, foreignKinds: 'ignore' });
  const found = hasErrors(problems) ? problems : [...problems, ...validateObjects(objects)];
  const errors = found.filter(({ severity }) => severity === 'error').map(formatProblem);
  if (errors.length === 0) return { file: { path, objects } };
  const more = errors.length > shownProblems ? [`and ${errors.length - shownProblems} more`] : [];
  return { problem: [...errors.slice(0, shownProblems), ...more].join('\n') };
}

/**
 * The next state, given the newest content of every file that exists. Where two files give one object, the one that had it before keeps
 * it, else the first by path; the other file stays as it was, and is looked at again each time.
 */
export function acceptFiles(before: Acceptance['accepted'], newest: ReadonlyMap<string, Candidate>): Acceptance {
  const problems = new Map<string, string>();
  const next = new Map<string, ParsedFile>();
  for (const [path, candidate] of newest) {
    const old = before.get(path);
    if ('file' in candidate) next.set(path, candidate.file);
    else {
      problems.set(path, candidate.problem);
      if (old) next.set(path, old);
    }
  }
  for (let clash = findClash(next, before); clash; clash = findClash(next, before)) {
    problems.set(clash.loser, `${clash.key} is given in ${clash.winner} already`);
    const old = before.get(clash.loser);
    if (old && next.get(clash.loser) !== old) next.set(clash.loser, old);
    else next.delete(clash.loser);
  }
  return { accepted: next, problems };
}

interface Clash {
  readonly key: string;
  readonly winner: string;
  readonly loser: string;
}

function findClash(files: ReadonlyMap<string, ParsedFile>, before: Acceptance['accepted']): Clash | undefined {
  const owners = new Map<string, string>();
  for (const path of [...files.keys()].sort()) {
    for (const object of files.get(path)?.objects ?? []) {
      const key = keyOf(object);
      const other = owners.get(key);
      owners.set(key, path);
      if (other === undefined) continue;
      // A file that stays as it was can't lose to one that is new.
      const hadIt = before.get(path)?.objects.some((old) => keyOf(old) === key);
      return hadIt ? { key, winner: path, loser: other } : { key, winner: other, loser: path };
    }
  }
  return undefined;
}

function keyOf({ kind, namespace, name }: ParsedObject): string {
  return `${kind}/${namespace}/${name}`;
}
