// What is wrong with configuration, and where: one form for syntax, schema, validation and analysis.

/** Steps from an object's root to a field: names and list indexes. */
export type Path = readonly (string | number)[];

/** A finding. Errors refuse the object (and the whole apply); warnings are shown. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
  /** From 1. */
  readonly column?: number;
  /** `Kind/namespace/name` when it is known. */
  readonly resource?: string;
  /** `spec.http[0].route[1].weight`; '' for the document as a whole. */
  readonly path: string;
  /** What is wrong and what was expected. */
  readonly message: string;
  /** istioctl's code for the same finding, e.g. IST0101 (istio.io/latest/docs/reference/config/analysis). */
  readonly code?: string;
}

/** A place in a text; both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Where an object came from, so that later findings can be placed. */
export interface Source {
  readonly file?: string;
  /** The position of a field, or of the nearest ancestor that has one. `key` asks for the field's name instead of its value. */
  locate(path: Path, key?: boolean): Position | undefined;
}

/** For objects that have no text. */
export const noSource: Source = { locate: () => undefined };

/** Receives findings by path. */
export type Report = (
  path: Path,
  message: string,
  options?: { readonly severity?: Problem['severity']; readonly code?: string; readonly key?: boolean },
) => void;

const plainName = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** `['spec', 'http', 0, 'headers', 'x.y']` as `spec.http[0].headers["x.y"]`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (plainName.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** One line: `file:line:column  field.path[0]: what was expected`. Without a file, the resource stands there. */
export function formatProblem(problem: Problem): string {
  const { file, line, column, resource, path, message, code } = problem;
  const place = line === undefined ? '' : `:${line}:${column ?? 1}`;
  const where = file !== undefined ? `${file}${place}` : (resource ?? (place === '' ? '' : `line ${place.slice(1)}`));
  const severity = problem.severity === 'warning' ? 'warning: ' : '';
  const what = `${severity}${path === '' ? '' : `${path}: `}${message}${code === undefined ? '' : ` [${code}]`}`;
  return where === '' ? what : `${where}  ${what}`;
}

/** A `Report` that appends to `problems`, placing each finding with `source`. */
export function reportTo(
  problems: Problem[],
  source: Source,
  context: { readonly resource?: string; readonly base?: Path } = {},
): Report {
  return (path, message, options = {}) => {
    const whole = [...(context.base ?? []), ...path];
    const position = source.locate(whole, options.key);
    problems.push({
      severity: options.severity ?? 'error',
      ...(source.file === undefined ? {} : { file: source.file }),
      ...position,
      ...(context.resource === undefined ? {} : { resource: context.resource }),
      path: formatPath(whole),
      message,
      ...(options.code === undefined ? {} : { code: options.code }),
    });
  };
}

/** Whether any finding refuses the input. */
export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

/** Orders findings as they stand in a text. */
export function byPosition(a: Problem, b: Problem): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
