// What is written about a workload is what is read again, whichever text it went through.
import { describe, expect, it } from 'vitest';
import { extraFacts, factsText, istioWorkload, noFacts, parseFacts, workloadFacts } from './workload-facts.ts';

const labelSets: readonly Readonly<Record<string, string>>[] = [
  {},
  { app: 'web' },
  { app: 'web', version: 'v1' },
  { version: 'v1' },
  { app: 'w-1' },
  { app: 'web', version: 'latest' },
  { 'app.kubernetes.io/name': 'shop', app: 'web', 'app.kubernetes.io/version': '2', version: 'v1' },
  { 'service.istio.io/canonical-name': 'named', 'service.istio.io/canonical-revision': 'r' },
];

describe('workload facts', () => {
  it.each(labelSets)('given labels %j, come through endpoint metadata and header alike', (labels) => {
    const facts = workloadFacts({ workload: 'w-1', namespace: 'shop', labels, cluster: 'c1' });
    expect(parseFacts(factsText(facts))).toEqual(facts);
    expect(parseFacts(istioWorkload(facts), extraFacts(facts))).toEqual(facts);
  });

  it('need no extra metadata for usual labels', () => {
    const labels = { app: 'web', version: 'v1' };
    expect(extraFacts(workloadFacts({ workload: 'web-v1', namespace: 'shop', labels, cluster: '' }))).toBeUndefined();
  });

  it.each(['', '-', 'a;b', 'a;b;c;d;e;f', `${'x'.repeat(600)};b;c;d;e`])('are unknown in %j', (text) => {
    expect(parseFacts(text)).toEqual(noFacts);
  });
});
