// docs/reference/analysis.md: Istio's configuration analysis messages, and who finds each here or why it can't apply.
import { analysisMessages } from '../../mesh/config/analyze/messages.ts';
import { markdownTable, page } from './markdown.ts';

const introduction = `\`periplus analyze\` reports with istioctl's codes, levels and messages (istio.io/latest/docs/reference/config/analysis), in the same circumstances. A conflict is
told to each of its objects, with the winner. \`galley.istio.io/analyze-suppress: IST0109,IST0112\` (or \`*\`) on a resource leaves findings out, as does
\`--suppress "CODE=KIND NAME.NAMESPACE"\`. The exit code is 1 when a finding reaches \`--failure-threshold\` (istioctl's is 79).`;

/** The page. */
export function analysisPage(): string {
  const rows = Object.entries(analysisMessages).map(([code, { name, level, foundBy, missing }]) => [
    code,
    name,
    level,
    foundBy === undefined ? `does not apply: ${missing}` : `\`mesh/config/${foundBy}\``,
  ]);
  return page('# Analysis messages', introduction, markdownTable(['code', 'name', 'level', 'found by'], rows));
}
