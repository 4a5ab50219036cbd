// A place within a resource that findings are reported at.
import type { ConfigResource } from '../../../events/model.ts';
import type { Path, Report } from '../problem.ts';

/** See the file's first line. */
export interface Place {
  readonly path: Path;
  /** A place further in. */
  at(...steps: (string | number)[]): Place;
  /** The resource is refused. IST0106 is istioctl's SchemaValidationError. */
  error(message: string): void;
  /** The resource is accepted; IST0133 is istioctl's SchemaWarning. */
  warn(message: string, code?: string): void;
}

/** The resource that a spec is part of; `root` is its place. */
export interface Validated extends Pick<ConfigResource, 'namespace' | 'name' | 'labels'> {
  readonly root: Place;
}

/** Validates one kind's spec. */
export type SpecValidator<Spec> = (spec: Spec, place: Place, resource: Validated) => void;

/** The place at `path`, whose findings go to `report`. */
export function placeAt(report: Report, path: Path = []): Place {
  return {
    path,
    at: (...steps) => placeAt(report, [...path, ...steps]),
    error: (message) => report(path, message, { code: 'IST0106' }),
    warn: (message, code = 'IST0133') => report(path, message, { severity: 'warning', code }),
  };
}

/** Calls `check` for each item with its place; nothing for an absent list. */
export function forEachAt<T>(
  items: readonly T[] | undefined,
  place: Place,
  check: (item: T, place: Place, index: number) => void,
): void {
  items?.forEach((item, index) => {
    check(item, place.at(index), index);
  });
}

/** Reports when more than one of the named fields of `message` is set, or none where `exactly` is given. */
export function checkOneOf<T extends object>(
  message: T,
  names: readonly (keyof T & string)[],
  place: Place,
  options: { readonly exactly?: boolean } = {},
): void {
  const set = names.filter((name) => message[name] !== undefined);
  if (set.length > 1) place.error(`only one of ${names.join(', ')} may be set, found ${set.join(' and ')}`);
  if (set.length === 0 && options.exactly) place.error(`one of ${names.join(', ')} must be set`);
}
