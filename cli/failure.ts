// Turns whatever went wrong into an exit code and a message that says what, where and what to do.
import { MeshError, type MeshErrorCode, messageOf } from '../lib/mesh-error.ts';
import { formatProblem } from '../mesh/config/problem.ts';
import type { ApiProblem } from '../services/pilot/admin/schemas.ts';
import type { Style } from './output.ts';

/** Exit codes (DESIGN.md, Public face). */
export const exitCodes = { done: 0, rejected: 1, usage: 2, unreachable: 3 } as const;

/** A rejection with places: field paths, and file positions where they are known. */
export class RejectedError extends MeshError {
  readonly problems: readonly ApiProblem[];
  constructor(code: MeshErrorCode, message: string, problems: readonly ApiProblem[]) {
    super(code, message);
    this.name = 'RejectedError';
    this.problems = problems;
  }
}

/** The exit code that a thrown value means. */
export function exitCodeOf(thrown: unknown): number {
  if (!(thrown instanceof MeshError)) return exitCodes.rejected;
  if (thrown.code === 'usage') return exitCodes.usage;
  return thrown.code === 'unavailable' ? exitCodes.unreachable : exitCodes.rejected;
}

/** What is printed on standard error for a thrown value. */
export function formatFailure(thrown: unknown, style: Style): string {
  const lines = [`${style.red('error:')} ${messageOf(thrown)}`];
  if (thrown instanceof RejectedError) lines.push(...thrown.problems.map((problem) => `  ${formatProblem(problem)}`));
  return `${lines.join('\n')}\n`;
}
