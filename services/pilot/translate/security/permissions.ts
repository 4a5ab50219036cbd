// What is asked: fields of a rule's `to` and the `when` keys about the destination, as Envoy's RBAC permissions.
import { create } from '@bufbuild/protobuf';
import { type Permission, PermissionSchema } from '../../../../gen/envoy/config/rbac/v3/rbac_pb.js';
import { MetadataMatcherSchema } from '../../../../gen/envoy/type/matcher/v3/metadata_pb.js';
import { type ValueMatcher, ValueMatcherSchema } from '../../../../gen/envoy/type/matcher/v3/value_pb.js';
import { stringValue } from './claim-matchers.ts';
import type { Polarity } from './policy-polarity.ts';
import { cidr } from './principals.ts';
import { hostMatchers, policyHeader, wildcardMatcher } from './string-matchers.ts';

/** Requests with one of these methods. */
export function withMethods(values: readonly string[], polarity: Polarity): readonly Permission[] {
  return values.map((value) => header(policyHeader(':method', value, polarity)));
}

/** Requests for one of these hosts. */
export function forHosts(values: readonly string[], polarity: Polarity): readonly Permission[] {
  return values.flatMap((value) => hostMatchers(value, polarity).map(header));
}

/** Connections to one of these ports. */
export function toPorts(values: readonly string[]): readonly Permission[] {
  return values.map((value) => create(PermissionSchema, { rule: { case: 'destinationPort', value: Number(value) } }));
}

/** Connections to one of these addresses. */
export function toAddresses(values: readonly string[]): readonly Permission[] {
  return values.map((value) => create(PermissionSchema, { rule: { case: 'destinationIp', value: cidr(value) } }));
}

/** TLS connections that ask for one of these names. */
export function withSni(values: readonly string[]): readonly Permission[] {
  return values.map((value) =>
    create(PermissionSchema, { rule: { case: 'requestedServerName', value: wildcardMatcher(value) } }),
  );
}

/**
 * Dynamic metadata of another filter: `experimental.envoy.filters.NAME[KEY]`; a value in brackets means a list that has it
 * (istio.io/latest/docs/reference/config/security/conditions).
 */
export function withMetadata(key: string, values: readonly string[]): readonly Permission[] {
  const [filter = '', name = ''] = key
    .replace(/^experimental\./, '')
    .replace(/\]$/, '')
    .split('[');
  return values.map((value) =>
    create(PermissionSchema, {
      rule: {
        case: 'metadata',
        value: create(MetadataMatcherSchema, {
          filter,
          path: [{ segment: { case: 'key', value: name } }],
          value: metadataValue(value),
        }),
      },
    }),
  );
}

function metadataValue(value: string): ValueMatcher {
  if (!value.startsWith('[') || !value.endsWith(']')) return stringValue(wildcardMatcher(value));
  const item = stringValue(wildcardMatcher(value.slice(1, -1)));
  return create(ValueMatcherSchema, {
    matchPattern: { case: 'listMatch', value: { matchPattern: { case: 'oneOf', value: item } } },
  });
}

/** Everything. */
export function anything(): Permission {
  return create(PermissionSchema, { rule: { case: 'any', value: true } });
}

/** All must hold. */
export function allOf(rules: readonly Permission[]): Permission {
  return create(PermissionSchema, { rule: { case: 'andRules', value: { rules: [...rules] } } });
}

/** One must hold. */
export function oneOf(rules: readonly Permission[]): Permission {
  return create(PermissionSchema, { rule: { case: 'orRules', value: { rules: [...rules] } } });
}

/** Must not hold. */
export function not(value: Permission): Permission {
  return create(PermissionSchema, { rule: { case: 'notRule', value } });
}

function header(value: ReturnType<typeof policyHeader>): Permission {
  return create(PermissionSchema, { rule: { case: 'header', value } });
}
