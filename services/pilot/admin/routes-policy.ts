// Where each policy rule runs for each proxy, and why there, now or at a moment.
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { compilePolicies } from '../../../mesh/policy/compile-policies.ts';
import { celText } from '../../../mesh/policy/lowering/cel.ts';
import type { Place, Placement } from '../../../mesh/policy/lowering/placement.ts';
import type { BrokenRule } from '../../../mesh/policy/rules.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { proxyScope } from '../translate/compute-proxy-scope.ts';
import { createMemo, type Memo } from '../translate/memo.ts';
import { connectionPlacements, policyPlacements } from '../translate/policy/policy-filters.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import { type AdminContext, snapshotFor } from './context.ts';
import { streamAt, timeOf } from './routes-proxies.ts';
import { errorSchema } from './schemas.ts';

/** One rule at one proxy. */
export interface PlacedRule {
  /** Name of the proxy. */
  readonly proxy: string;
  readonly rule: string;
  readonly place: Place;
  readonly why: string;
  /** What Envoy evaluates, in CEL; absent where it evaluates nothing. */
  readonly condition?: string;
  /** The same of TCP connections to the proxy; absent where the rule says nothing about them. */
  readonly tcp?: Pick<PlacedRule, 'place' | 'why' | 'condition'>;
}

/** Answer of /policy. */
export interface PolicyAnswer {
  readonly position: number;
  readonly items: readonly PlacedRule[];
  /** Rules that can't be carried out anywhere. */
  readonly broken: readonly BrokenRule[];
}

const query = Type.Object({
  at: Type.Optional(Type.String({ description: 'A moment: a position, an RFC 3339 time or -15m' })),
  proxy: Type.Optional(Type.String({ description: 'Node id of one proxy; all by default' })),
});

/** Registers /policy. */
export function registerPolicyRoutes(app: FastifyInstance, context: AdminContext): void {
  app.get<{ Querystring: { at?: string; proxy?: string } }>(
    '/policy',
    {
      schema: {
        summary: 'Where each policy rule runs: in Envoy (and as which condition), in Mixer, or nowhere, and why',
        tags: ['proxies'],
        querystring: query,
        response: { '4xx': errorSchema },
      },
    },
    async ({ query: { at, proxy } }): Promise<PolicyAnswer> => {
      const snapshot = await snapshotFor(context, at);
      const time = await timeOf(context, at);
      const all = await context.deliveries.proxiesAt(time);
      const wanted = proxy === undefined ? all.map(({ id }) => id) : [proxy];
      const contexts = await Promise.all(wanted.map(async (id) => ({ id, stream: await streamAt(context, id, time) })));
      const memo = createMemo();
      const items = contexts.flatMap(({ id, stream }) =>
        placedRules(id, { snapshot, context: stream.context as ProxyContext, memo }),
      );
      return { position: snapshot.position, items, broken: compilePolicies(snapshot.config).broken };
    },
  );
}

interface Where {
  readonly snapshot: Snapshot;
  readonly context: ProxyContext;
  readonly memo: Memo;
}

function placedRules(id: string, { snapshot, context, memo }: Where): readonly PlacedRule[] {
  const lookups = { scope: proxyScope(snapshot, context, memo), memo };
  const ofConnections = new Map(connectionPlacements(lookups).map((placement) => [placement.rule.id, placement]));
  return policyPlacements(lookups).map((placement) => {
    const connections = ofConnections.get(placement.rule.id);
    const tcp = connections && isDecided(connections) ? { tcp: shown(connections) } : {};
    return { proxy: id.split('~')[2] ?? id, rule: placement.rule.id, ...shown(placement), ...tcp };
  });
}

function isDecided({ place }: Placement): boolean {
  return place !== 'none' && place !== 'access-log';
}

function shown({ place, why, lowered, quota }: Placement): Pick<PlacedRule, 'place' | 'why' | 'condition'> {
  const { sourceIp } = lowered ?? {};
  const condition = lowered?.condition ?? quota?.condition;
  const address = sourceIp && `source.ip ${sourceIp.inside ? 'in' : 'not in'} ${sourceIp.cidrs.join(', ')}`;
  const parts = [...(address ? [address] : []), ...(condition ? [celText(condition)] : [])];
  return { place, why, ...(parts.length > 0 ? { condition: parts.join(' && ') } : {}) };
}
