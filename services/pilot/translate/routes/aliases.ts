// Kubernetes' ExternalName services: further names of the service that they point to, as Istio has it since 1.21.
import type { Service } from '../../../../events/model.ts';
import type { Memo } from '../memo.ts';

/** A service with the hostnames of the ExternalName services that point to it, in order; absent: none does. */
export interface NamedService extends Service {
  readonly aliases?: readonly string[];
}

/** Whether a service is only another name: it has neither listeners nor, without a VirtualService, a virtual host. */
export function isAlias({ externalName }: Service): boolean {
  return externalName !== undefined;
}

/** `services` with their aliases, in the same order; the same array where none is an alias, the same objects for equal aliases. */
export function withAliases(services: readonly Service[], memo: Memo): readonly NamedService[] {
  return memo.get('services-with-aliases', [services], () => {
    const aliases = aliasesByTarget(services);
    if (aliases.size === 0) return services;
    return services.map((service) => {
      const own = aliases.get(service.hostname.toLowerCase());
      if (own === undefined || isAlias(service)) return service;
      return memo.get('service-with-aliases', [service, own.join()], () => ({ ...service, aliases: own }));
    });
  });
}

function aliasesByTarget(services: readonly Service[]): ReadonlyMap<string, readonly string[]> {
  const targets = new Map<string, string>();
  for (const { hostname, externalName } of services) {
    if (externalName !== undefined) targets.set(hostname.toLowerCase(), externalName.toLowerCase());
  }
  const aliases = new Map<string, string[]>();
  for (const alias of [...targets.keys()].sort()) {
    const target = lastTarget(alias, targets);
    if (target !== undefined) aliases.set(target, [...(aliases.get(target) ?? []), alias]);
  }
  return aliases;
}

/** An alias may point to an alias; one that points to itself in the end, as DNS finds no address for it, has no target. */
function lastTarget(alias: string, targets: ReadonlyMap<string, string>): string | undefined {
  const seen = new Set<string>();
  let name = alias;
  for (let next = targets.get(name); next !== undefined; next = targets.get(name)) {
    if (seen.has(name)) return undefined;
    seen.add(name);
    name = next;
  }
  return name;
}
