// The part of Mixer that is told of requests when they have ended: takes Envoys' access logs and feeds the report rules' handlers.
import { messageOf } from '../../../lib/mesh-error.ts';
import { compilePolicies } from '../../../mesh/policy/compile-policies.ts';
import type { Denial, PolicySet } from '../../../mesh/policy/rules.ts';
import type { HandlerSet } from '../handlers/handler-set.ts';
import type { MixerMeans, MixerPart } from '../mixer.ts';
import { accessLogServer } from './access-log-server.ts';
import { ReportEngine } from './report-engine.ts';

/** See the file's first line. The check part runs the handlers. */
export function reportPart({ snapshots, clock, logger, metrics }: MixerMeans, handlers: HandlerSet): MixerPart {
  const engine = new ReportEngine({
    handlers,
    metrics,
    onPoisoned: (rule, error) =>
      logger.error({ rule: rule.id, error: messageOf(error) }, 'a report rule failed; the others go on'),
  });
  let set: PolicySet | undefined;
  let denials: ReadonlyMap<string, Denial> = new Map();
  return {
    grpc: [accessLogServer({ engine, snapshot: () => snapshots.value, clock, denialOf: (rule) => denials.get(rule) })],
    use: ({ config }) => {
      const next = compilePolicies(config);
      if (next === set) return;
      set = next;
      engine.use(next);
      denials = denialsOf(next);
    },
  };
}

/** What Envoy carries out for a rule it names by the rule's id alone. */
function denialsOf({ rules }: PolicySet): ReadonlyMap<string, Denial> {
  return new Map(
    rules.flatMap(({ id, action }) => (action.kind === 'deny' || action.kind === 'list' ? [[id, action.denial]] : [])),
  );
}
