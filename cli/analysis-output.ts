// Findings as istioctl prints them: lines of a log, or messages in JSON and YAML; and which of them count.
import { type AnalysisLevel, analysisMessages, levelOf } from '../mesh/config/analyze/messages.ts';
import type { Problem } from '../mesh/config/problem.ts';
import { plainStyle, type Style } from './output.ts';

/** From the worst. */
export const analysisLevels: readonly AnalysisLevel[] = ['Error', 'Warning', 'Info'];

/** Whether a finding is at least as bad as `threshold`. */
export function reaches(problem: Problem, threshold: AnalysisLevel): boolean {
  return analysisLevels.indexOf(levelOf(problem)) <= analysisLevels.indexOf(threshold);
}

/** Whether one of istioctl's suppressions, `CODE=KIND NAME.NAMESPACE` with `*` for any text, is for the finding. */
export function isSuppressed({ code, resource = '' }: Problem, suppressions: readonly string[]): boolean {
  const [kind = '', namespace = '', name = ''] = resource.split('/');
  return suppressions.some((suppression) => {
    const equals = suppression.indexOf('=');
    const pattern = suppression
      .slice(equals + 1)
      .split('*')
      .map((text) => text.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*');
    return suppression.slice(0, equals) === code && new RegExp(`^${pattern}$`).test(`${kind} ${name}.${namespace}`);
  });
}

/** One line a finding: `Error [IST0101] (VirtualService default/x file.yaml:9) Referenced host not found: "y"`. */
export function formatFindings(problems: readonly Problem[], style: Style = plainStyle): string {
  const paint = { Error: style.red, Warning: style.yellow, Info: style.dim };
  return problems
    .map((problem) => {
      const level = levelOf(problem);
      const code = problem.code === undefined ? '' : ` [${problem.code}]`;
      const where = [originOf(problem), referenceOf(problem) ?? problem.path].filter((part) => part !== '').join(' ');
      return `${paint[level](level)}${code}${where === '' ? '' : ` (${where})`} ${messageOf(problem)}\n`;
    })
    .join('');
}

/** istioctl's fields of a message, and ours beside them. */
export function messageObject(problem: Problem): object {
  const { code } = problem;
  const level = levelOf(problem);
  return {
    ...problem,
    severity: level.toLowerCase(),
    level,
    message: messageOf(problem),
    origin: originOf(problem),
    reference: referenceOf(problem),
    ...(code === undefined
      ? {}
      : {
          documentationUrl: `https://istio.io/latest/docs/reference/config/analysis/${code.toLowerCase()}/`,
          type: analysisMessages[code]?.name,
        }),
  };
}

function originOf({ resource }: Problem): string {
  if (resource === undefined) return '';
  const slash = resource.indexOf('/');
  return `${resource.slice(0, slash)} ${resource.slice(slash + 1)}`;
}

function referenceOf({ file, line }: Problem): string | undefined {
  return file === undefined ? undefined : `${file}:${line ?? 1}`;
}

/** istioctl puts these words before what a schema or validation says. */
const prefixes: Readonly<Record<string, string>> = {
  IST0106: 'Schema validation error: ',
  IST0133: 'Schema validation warning: ',
};

function messageOf({ code, path, message }: Problem): string {
  const prefix = code === undefined ? undefined : prefixes[code];
  return prefix === undefined ? message : `${prefix}${path === '' ? '' : `${path}: `}${message}`;
}
