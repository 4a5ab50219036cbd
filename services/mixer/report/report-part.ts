// The part of Mixer that is told of requests when they have ended: takes Envoys' access logs and feeds the report rules' handlers.
import { messageOf } from '../../../lib/mesh-error.ts';
import { compilePolicies } from '../../../mesh/policy/compile-policies.ts';
import type { PolicySet } from '../../../mesh/policy/rules.ts';
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
  return {
    grpc: [accessLogServer({ engine, snapshot: () => snapshots.value, clock })],
    use: ({ config }) => {
      const next = compilePolicies(config);
      if (next !== set) engine.use(next);
      set = next;
    },
  };
}
