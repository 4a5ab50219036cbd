// Expressions of an instance's fields, compiled and held against its template; old files spell fields in two ways.
import { isRecord } from '../config/check-schema.ts';
import { didYouMean } from '../config/suggest-name.ts';
import type { ValueType } from './attributes.ts';
import { compileExpression } from './expression/expression.ts';
import type { FieldExpressions } from './rules.ts';
import { type FieldType, type TemplateName, templates } from './templates.ts';

/** Told what is wrong and where, as steps below the fields. */
export type FieldReport = (path: readonly string[], message: string) => void;

/** The compiled fields. What is reported makes the result unusable. */
export function compileFields(
  template: TemplateName,
  params: Readonly<Record<string, unknown>>,
  report: FieldReport,
): FieldExpressions {
  return compileMessage(templates[template].fields, params, { path: [], report });
}

interface Where {
  readonly path: readonly string[];
  readonly report: FieldReport;
}

function compileMessage(
  fields: Readonly<Record<string, FieldType>>,
  params: Readonly<Record<string, unknown>>,
  { path, report }: Where,
): FieldExpressions {
  const compiled: Record<string, FieldExpressions[string]> = {};
  for (const [written, value] of Object.entries(params)) {
    const name = written.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const type = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const where = { path: [...path, written], report };
    if (type === undefined) {
      // Fields that only tell Mixer's generated code their types.
      if (name !== 'name') report(where.path, `unknown field${didYouMean(written, Object.keys(fields))}`);
      continue;
    }
    const field = compileField(type, value, where);
    if (field !== undefined) compiled[name] = field;
  }
  return compiled;
}

function compileField(type: FieldType, value: unknown, where: Where): FieldExpressions[string] | undefined {
  if (typeof type === 'object') {
    if (isRecord(value)) return compileMessage(type, value, where);
    where.report(where.path, 'expected an object');
    return undefined;
  }
  if (type !== 'MAP') return compileValue(value, type === 'VALUE' ? undefined : type, where);
  if (!isRecord(value)) {
    where.report(where.path, 'expected an object of expressions');
    return undefined;
  }
  const entries = Object.entries(value).flatMap(([key, item]) => {
    const compiled = compileValue(item, undefined, { ...where, path: [...where.path, key] });
    return compiled === undefined ? [] : [[key, compiled] as const];
  });
  return Object.fromEntries(entries);
}

/** YAML reads `1` and `true` as values: they mean the expressions. */
function compileValue(value: unknown, type: ValueType | undefined, { path, report }: Where) {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
    report(path, 'expected an expression');
    return undefined;
  }
  const compiled = compileExpression(String(value), type === undefined ? {} : { type });
  if (compiled.ok) return compiled.expression;
  report(path, `${compiled.problem.message} (character ${compiled.problem.at + 1})`);
  return undefined;
}
