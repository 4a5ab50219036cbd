// The part of Mixer that answers checks: follows the rules, runs their handlers, serves ext_authz.
import { eventId } from '../../../events/event-id.ts';
import { ruleSubject } from '../../../events/policy-facts.ts';
import { messageOf } from '../../../lib/mesh-error.ts';
import { compilePolicies } from '../../../mesh/policy/compile-policies.ts';
import type { PolicyRule, PolicySet } from '../../../mesh/policy/rules.ts';
import type { HandlerSet } from '../handlers/handler-set.ts';
import type { MixerMeans, MixerPart } from '../mixer.ts';
import { authorizationServer } from './authorization-server.ts';
import { CheckEngine } from './check-engine.ts';

/** See the file's first line. */
export function checkPart(means: MixerMeans, handlers: HandlerSet): MixerPart {
  const { snapshots, clock, logger, metrics } = means;
  let set: PolicySet | undefined;
  const engine = new CheckEngine({
    handlers,
    metrics,
    clock,
    onPoisoned: (rule, error) => {
      logger.error({ rule: rule.id, error: messageOf(error) }, 'a policy rule failed; the others go on');
      void recordFailure(rule, error, means);
    },
  });
  return {
    grpc: [authorizationServer({ engine, snapshot: () => snapshots.value, clock })],
    services: [handlers],
    use: ({ config }) => {
      const next = compilePolicies(config);
      if (next === set) return;
      set = next;
      handlers.use(set);
      engine.use(set);
    },
  };
}

/** An event, so that people find it where they look for what changed. Never rejects. */
async function recordFailure(
  rule: PolicyRule,
  error: unknown,
  { facts, clock, name, logger }: MixerMeans,
): Promise<void> {
  const source = `/mixer/${name}`;
  const subject = ruleSubject(rule.id);
  const type = 'io.periplus.policy.rule-failed';
  const time = new Date(clock.nowMs()).toISOString();
  const data = { rule: rule.id, mixer: name, problem: messageOf(error).slice(0, 500) };
  try {
    const version = await facts.subjectVersion(subject);
    const id = eventId({ source, subject, revision: version, content: { type, data } });
    await facts.append([{ event: { id, source, type, subject, time, actor: 'system:mixer', causes: [], data } }]);
  } catch (failure) {
    logger.warn({ rule: rule.id, error: messageOf(failure) }, "a rule's failure could not be recorded");
  }
}
