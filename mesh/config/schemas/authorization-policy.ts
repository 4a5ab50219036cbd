// AuthorizationPolicy (istio.io/latest/docs/reference/config/security/authorization-policy): schema and types.
import { matchLabelsSelectorSchema, targetRefSchema } from './destination.ts';
import { list, object, oneOfNames, required, type Static, text } from './schema.ts';

const texts = list(text);
const source = object({
  principals: texts,
  notPrincipals: texts,
  requestPrincipals: texts,
  notRequestPrincipals: texts,
  namespaces: texts,
  notNamespaces: texts,
  serviceAccounts: texts,
  notServiceAccounts: texts,
  ipBlocks: texts,
  notIpBlocks: texts,
  remoteIpBlocks: texts,
  notRemoteIpBlocks: texts,
  trustDomains: texts,
  notTrustDomains: texts,
});
const operation = object({
  hosts: texts,
  notHosts: texts,
  ports: texts,
  notPorts: texts,
  methods: texts,
  notMethods: texts,
  paths: texts,
  notPaths: texts,
});
const condition = object({ key: required(text), values: texts, notValues: texts });
const rule = object({ from: list(object({ source })), to: list(object({ operation })), when: list(condition) });
/** Schema of an AuthorizationPolicy's spec. */
export const authorizationPolicySchema = object({
  selector: matchLabelsSelectorSchema,
  targetRef: targetRefSchema,
  targetRefs: list(targetRefSchema),
  rules: list(rule),
  action: oneOfNames('ALLOW', 'DENY', 'AUDIT', 'CUSTOM'),
  provider: object({ name: text }),
});

/** Who may do what; absent action means ALLOW. */
export interface AuthorizationPolicySpec extends Static<typeof authorizationPolicySchema> {}
/** Holds when one of `from`, one of `to` and all of `when` hold. */
export interface Rule extends Static<typeof rule> {}
/** Who asks: all fields that are set must hold. */
export interface Source extends Static<typeof source> {}
/** What is asked. */
export interface Operation extends Static<typeof operation> {}
/** An attribute and its values. */
export interface Condition extends Static<typeof condition> {}
