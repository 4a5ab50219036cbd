// Which requests are charged against a quota: Mixer's QuotaSpecs and QuotaSpecBindings, joined when they are applied.
import type { ConfigResource } from '../../events/model.ts';
import type { QuotaSpecBindingSpec, QuotaSpecSpec } from '../config/schemas/mixer.ts';
import type { ConfigView } from '../snapshot.ts';
import type { Attributes, AttributeValue } from './attributes.ts';
import { expressionOf } from './compile-policy-rule.ts';
import type { Expression } from './expression/expression.ts';
import type { WorkloadFacts } from './workload-facts.ts';

/** One charge against a quota. */
export interface QuotaCharge {
  /** Hostname of the service whose requests are charged; `*`: of any; `*TEXT*`: of those whose hostname has the text. */
  readonly service: string;
  /** One of them has to hold; none: always. */
  readonly match: readonly Expression[];
  /** At least 1. */
  readonly amount: number;
}

/** Kinds whose resources decide on charges. */
export const chargeKinds: readonly string[] = ['QuotaSpec', 'QuotaSpecBinding'];

/** The charges against the instance with this `NAME.NAMESPACE`; a QuotaSpec names it by NAME. Throws where a clause does not compile. */
export function chargesOf(instance: string, config: ConfigView): readonly QuotaCharge[] {
  const [name] = instance.split('.');
  return (config.list('QuotaSpecBinding') as readonly ConfigResource<QuotaSpecBindingSpec>[]).flatMap(
    ({ namespace, spec: { services = [], quotaSpecs = [] } }) => {
      const specs = quotaSpecs.flatMap((to) => config.get('QuotaSpec', to.namespace ?? namespace, to.name) ?? []);
      const rules = specs.flatMap(({ spec }) => (spec as QuotaSpecSpec).rules ?? []);
      const charges = rules.flatMap(({ match = [], quotas = [] }) =>
        quotas
          .filter(({ quota }) => quota === name)
          .map(({ charge = 1 }) => ({ match: match.map(({ clause = {} }) => clauseOf(clause)), amount: charge })),
      );
      return services.flatMap((service) =>
        charges.map((charge) => ({ service: hostnameOf(service, namespace), ...charge })),
      );
    },
  );
}

type BoundService = NonNullable<QuotaSpecBindingSpec['services']>[number];

/** As Istio 1.4 resolves an IstioService: `service` is a whole hostname, `name` is completed. */
function hostnameOf({ service, name = '', namespace, domain }: BoundService, own: string): string {
  return service || `${name}.${namespace || own}.${domain || 'svc.cluster.local'}`;
}

type Clause = Readonly<
  Record<string, { readonly exact?: string; readonly prefix?: string; readonly regex?: string } | undefined>
>;

/** Every attribute of a clause has to match. A regular expression has to match all of the value. */
function clauseOf(clause: Clause): Expression {
  const parts = Object.entries(clause).flatMap(([attribute, { exact, prefix, regex } = {}]) => [
    ...(exact === undefined ? [] : [`${attribute} == ${JSON.stringify(exact)}`]),
    ...(prefix === undefined ? [] : [`${attribute}.startsWith(${JSON.stringify(prefix)})`]),
    ...(regex === undefined ? [] : [`${JSON.stringify(`^(?:${regex})$`)}.matches(${attribute})`]),
  ]);
  return expressionOf(parts.length === 0 ? 'true' : parts.join(' && '), 'BOOL');
}

/** As Istio 1.4 compares a binding's service with a hostname: `*.NAMESPACE.*` is for all of a namespace; there is no other pattern. */
function isBound(service: string, host: AttributeValue | undefined): boolean {
  if (typeof host !== 'string') return false;
  const isPattern = service.length > 1 && service.startsWith('*') && service.endsWith('*');
  return isPattern ? host.includes(service.slice(1, -1)) : host === service;
}

/** Whether a request to any service of the workload can be charged. */
export function mayCharge(charges: readonly QuotaCharge[], { services }: Pick<WorkloadFacts, 'services'>): boolean {
  const hosts = Object.values(services);
  return charges.some(({ service }) => service === '*' || hosts.some((host) => isBound(service, host)));
}

/** What every request to the workload is charged, where that is the same for all of them; else undefined. */
export function fixedAmount(
  charges: readonly QuotaCharge[],
  { services }: Pick<WorkloadFacts, 'services'>,
): number | undefined {
  const hosts = new Set(Object.values(services));
  const own = charges.filter(({ service }) => service === '*' || [...hosts].some((host) => isBound(service, host)));
  const isForAll = ({ service, match }: QuotaCharge) => match.length === 0 && (service === '*' || hosts.size === 1);
  return own.every(isForAll) ? own.reduce((sum, { amount }) => sum + amount, 0) : undefined;
}

/** What one request is charged; 0: nothing. */
export function amountOf(charges: readonly QuotaCharge[], attributes: Attributes): number {
  const host = attributes.get('destination.service.host');
  return charges
    .filter(({ service }) => service === '*' || isBound(service, host))
    .filter(({ match }) => match.length === 0 || match.some((clause) => clause.evaluate(attributes) === true))
    .reduce((sum, { amount }) => sum + amount, 0);
}

/** The limit for an instance `NAME.NAMESPACE`, which Mixer's files call `NAME.quota.NAMESPACE` or `NAME.instance.NAMESPACE` too. */
export function limitFor<T extends { readonly name: string }>(limits: readonly T[], instance: string): T | undefined {
  const dot = instance.indexOf('.');
  const [name, namespace] = [instance.slice(0, dot), instance.slice(dot + 1)];
  const names = [instance, `${name}.quota.${namespace}`, `${name}.instance.${namespace}`];
  return limits.find((limit) => names.includes(limit.name));
}
