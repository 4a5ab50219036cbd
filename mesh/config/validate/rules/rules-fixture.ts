// Istio's rules by kind, each with a resource that breaks or keeps it: tests run them, and docs/reference/validation.md lists them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseObject } from '../../parse.ts';
import type { Problem } from '../../problem.ts';
import { validateObjects } from '../../validate.ts';
import { readYaml } from '../../yaml-source.ts';

/** One rule. */
export interface Rule {
  readonly rule: string;
  readonly level: 'error' | 'warning' | 'accepted';
  /** Where the finding stands; absent for what is accepted. */
  readonly at?: string;
  readonly metadata?: object;
  readonly spec: object;
}

/** The rules of one kind. */
export interface KindRules {
  readonly apiVersion: string;
  readonly kind: string;
  readonly rules: readonly Rule[];
}

/** All of them, in order of kinds. */
export function readRules(): readonly KindRules[] {
  const folder = import.meta.dirname;
  const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
  return files.sort().map((file) => {
    const { documents, problems } = readYaml(readFileSync(join(folder, file), 'utf8'), { file });
    const [document] = documents;
    if (document === undefined || problems.length > 0) throw new Error(`${file}: ${JSON.stringify(problems)}`);
    return document.value as KindRules;
  });
}

/** What is said of a rule's resource when it is applied. */
export function findingsOf({ apiVersion, kind }: KindRules, { metadata, spec }: Rule): readonly Problem[] {
  const { object, problems } = parseObject({ apiVersion, kind, metadata: { name: 'sample', ...metadata }, spec });
  return [...problems, ...(object === undefined ? [] : validateObjects([object]))];
}
