// Whether Envoy can run a CEL expression: it refuses a whole listener for one that it can't, so that is found out when it is applied. Pure.
import { parse } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';
import { messageOf } from '../../lib/mesh-error.ts';

/** Functions of Envoy 1.40 without extensions to CEL (tried one by one); it has no comprehensions (`exists`, `map`) and no `string()`. */
const functions: ReadonlySet<string> = new Set([
  ...['has', 'size', 'startsWith', 'endsWith', 'contains', 'matches'],
  ...['int', 'uint', 'double', 'bool', 'dyn', 'type', 'timestamp', 'duration'],
  ...['getFullYear', 'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear'],
  ...['getHours', 'getMinutes', 'getSeconds', 'getMilliseconds'],
]);

/** Longer than anybody writes; each request pays for it. */
const maxLength = 4096;

/** For people: what is wrong with `expression`, or undefined. */
export function celProblem(expression: string): string | undefined {
  if (expression.trim() === '') return 'expected a CEL expression';
  if (expression.length > maxLength) return `longer than ${maxLength} characters`;
  // It stands in a format string, where these end it.
  if (/[%\r\n]/.test(expression)) return 'a CEL expression here can contain neither % nor a line break';
  try {
    return problemIn(parse(expression).ast);
  } catch (error) {
    return `no CEL expression: ${messageOf(error).split('\n')[0]}`;
  }
}

function problemIn(node: unknown): string | undefined {
  if (Array.isArray(node)) return firstOf(node);
  if (typeof node !== 'object' || node === null || !('op' in node) || !('args' in node)) return undefined;
  const { op, args } = node;
  if ((op === 'call' || op === 'rcall') && Array.isArray(args)) {
    const [name, ...rest] = args as readonly unknown[];
    if (typeof name !== 'string' || !functions.has(name))
      return `Envoy's CEL has no function ${typeof name === 'string' ? name : ''}`;
    return (name === 'matches' ? patternProblem(rest.flat()) : undefined) ?? firstOf(rest);
  }
  return problemIn(args);
}

function firstOf(nodes: readonly unknown[]): string | undefined {
  for (const node of nodes) {
    const problem = problemIn(node);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Envoy compiles literal patterns with RE2. */
function patternProblem(args: readonly unknown[]): string | undefined {
  const last = args.at(-1);
  const isLiteral = typeof last === 'object' && last !== null && 'op' in last && last.op === 'value' && 'args' in last;
  if (!isLiteral || typeof last.args !== 'string') return undefined;
  try {
    RE2JS.compile(last.args);
    return undefined;
  } catch (error) {
    return `matches(): ${messageOf(error)}`;
  }
}
