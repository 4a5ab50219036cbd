// Gives findings across resources their places in the files that the resources were read from.
import type { ParsedObject } from './parse.ts';
import type { Path, Problem } from './problem.ts';

const step = /\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g;

/** The steps of a path that `formatPath` made. */
export function parsePath(text: string): Path {
  return [...text.matchAll(step)].map(([, index, quoted, name]) => {
    if (index !== undefined) return Number(index);
    return quoted === undefined ? (name ?? '') : String(JSON.parse(quoted));
  });
}

/** `findings` with file, line and column where the resource is one of `objects`. */
export function placeFindings(findings: readonly Problem[], objects: readonly ParsedObject[]): readonly Problem[] {
  const owners = new Map(objects.map((object) => [`${object.kind}/${object.namespace}/${object.name}`, object]));
  return findings.map((finding) => {
    const owner = owners.get(finding.resource ?? '');
    if (owner?.source.file === undefined) return finding;
    const position = owner.source.locate([...owner.base, ...parsePath(finding.path)]);
    return { ...finding, file: owner.source.file, ...position };
  });
}
