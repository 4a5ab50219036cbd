// docs/reference/validation.md: what is accepted and refused, by kind, from the rules that tests run (mesh/config/validate/rules/).
import { readRules } from '../../mesh/config/validate/rules/rules-fixture.ts';
import { markdownTable, page } from './markdown.ts';

const introduction = `A resource is checked when it is applied, when a watched file or Kubernetes object changes, by \`periplus diff\` and by \`periplus analyze\`. Each finding
names the field by its path, and in files its line and column. An **error** (IST0106) refuses the resource; a **warning** (IST0133, or the code that is
named) is shown, and the resource is taken; what is **accepted** gives no error. Every row below is a test.

For every kind: fields have their JSON names (\`perTryTimeout\`) or protobuf's own (\`per_try_timeout\`); unknown fields, wrong types and unknown names of enums
are errors; numbers may stand in quotes; a duration is \`1.5s\`, \`100ms\` or \`1h2m\`, in whole milliseconds; null means unset; \`status\` is passed over; Lists
(\`kind: List\`) and files of several documents are read.`;

const differences = `Istio takes the following, and Envoy then refuses the whole listener, route configuration or cluster that it is in. Periplus refuses it at once:

- status 600 of an abort or a direct response;
- a query parameter without a name, and a \`sourceSubnet\` that is none;
- \`fault.delay.percent\` outside 0 to 100;
- \`verifyCertificateHash\` and \`verifyCertificateSpki\` that are no SHA-256 hash;
- expressions of a Telemetry's tags that Envoy can't run;
- an extension provider without a usable service, port or path.

Istio's webhook refuses a WorkloadGroup's \`grpc\` probe, which its API has: it is accepted. Istio looks at no reference in \`gateways\` after the first that
has no namespace: all are looked at. Warnings that Istio does not have are about what has no effect (an ignored percentage, weights that do not add up to 100).`;

/** The page. */
export function validationPage(): string {
  const kinds = readRules().map(({ kind, rules }) => {
    const rows = rules.map(({ rule, level, at }) => [rule, at === undefined ? '' : `\`${at}\``, level]);
    return `## ${kind}\n\n${markdownTable(['rule', 'field, in the test', 'is'], rows)}`;
  });
  return page('# Validation', introduction, ...kinds, '## Where Periplus differs', differences);
}
