// Rules whose evaluation threw: told once a rule and set of rules, however many requests meet them.
import type { PolicyRule } from '../../../mesh/policy/rules.ts';

/** See the file's first line. */
export class PoisonedRules {
  readonly #tell: (rule: PolicyRule, error: unknown) => void;
  readonly #told = new Set<string>();

  constructor(tell: (rule: PolicyRule, error: unknown) => void) {
    this.#tell = tell;
  }

  /** A rule failed. */
  failed(rule: PolicyRule, error: unknown): void {
    if (this.#told.has(rule.id)) return;
    this.#told.add(rule.id);
    this.#tell(rule, error);
  }

  /** There are other rules now: those that fail are told again. */
  clear(): void {
    this.#told.clear();
  }
}
