// Proves callers by the Consul ACL token that `consul login` gave them: Consul says whose it is (developer.hashicorp.com/consul/api-docs/acl/tokens).
import { MeshError } from '../../../lib/mesh-error.ts';
import { askPlatform, type PlatformAccess } from './ask-platform.ts';
import { type Attestation, type Attestor, type Credentials, notMine, provenIf, refused } from './attestor.ts';

/** Where to ask. */
export interface ConsulTokenOptions {
  readonly access: PlatformAccess;
  readonly trustDomain: string;
}

/** Secret ids of ACL tokens are UUIDs. */
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** The namespace of Consul without namespaces, as its adapter has it. */
const defaultNamespace = 'default';

/**
 * Attests callers whose token stands for exactly one service (`ServiceIdentities`, or the templated policy `builtin/service`): the service
 * is the service account, Consul's namespace the namespace. A token with more than that is an operator's, not a workload's.
 */
export function createConsulTokenAttestor({ access, trustDomain }: ConsulTokenOptions): Attestor {
  const kind = 'consul-token';
  return {
    kind,
    async attest({ token }: Credentials): Promise<Attestation> {
      if (token === undefined || !uuid.test(token)) return notMine;
      const question = { path: '/v1/acl/token/self', headers: { 'x-consul-token': token } };
      const { status, json } = await askPlatform(access, question);
      if (status === 401) throw new MeshError('unavailable', 'Consul has its ACLs off: its tokens prove nothing');
      if (status === 403 || status === 404) return refused('Consul does not accept the token', { kind, details: {} });
      if (status !== 200) throw new MeshError('unavailable', `Consul answered ${status} when asked about a token`);
      const found = Object(json);
      const details = { accessor: text(found.AccessorID), authMethod: text(found.AuthMethod) };
      const services = servicesOf(found);
      const [service] = services;
      const evidence = { kind, details };
      if (service === undefined || services.length > 1)
        return refused('the token does not stand for exactly one service', evidence);
      const namespace = text(found.Namespace) || defaultNamespace;
      return provenIf({ trustDomain, namespace, serviceAccount: service }, evidence);
    },
  };
}

function servicesOf(token: Readonly<Record<string, unknown>>): readonly string[] {
  const identities = list(token.ServiceIdentities).map(({ ServiceName }) => text(ServiceName));
  const templated = list(token.TemplatedPolicies)
    .filter(({ TemplateName }) => TemplateName === 'builtin/service')
    .map(({ TemplateVariables }) => text(Object(TemplateVariables).Name));
  const more = list(token.Policies).length + list(token.Roles).length;
  // Roles and policies may hold anything: such a token is not a workload's alone.
  return more > 0 ? [] : [...new Set([...identities, ...templated])];
}

const list = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value) ? value.map(Object) : [];
const text = (value: unknown) => (typeof value === 'string' ? value.slice(0, 500) : '');
