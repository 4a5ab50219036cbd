// An agent's secrets in files, for Envoys that run without an agent.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyPair } from '../traffic/certificates.ts';

/** Names of the agent's own secrets. */
const agentNames = { default: 'default', ROOTCA: 'ROOTCA' };

/** A key pair and the authority that peers are checked against, in files as Envoy's SDS reads them; the agent's unless `names` says otherwise. */
export function writeSecrets(
  folder: string,
  server: KeyPair,
  authority: string,
  names: Readonly<typeof agentNames> = agentNames,
): Readonly<Record<string, string>> {
  const secret = (name: string, content: object) => {
    const path = join(folder, `${name.replaceAll(/[^a-zA-Z-]/g, '_')}.json`);
    const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
    writeFileSync(path, JSON.stringify({ resources: [{ '@type': type, name, ...content }] }));
    return path;
  };
  return {
    [names.default]: secret(names.default, {
      tlsCertificate: {
        certificateChain: { inlineString: server.certificate },
        privateKey: { inlineString: server.key },
      },
    }),
    [names.ROOTCA]: secret(names.ROOTCA, { validationContext: { trustedCa: { inlineString: authority } } }),
  };
}

/** A bootstrap whose secrets are read from these files instead of from an agent. */
export function withSecretFiles(value: unknown, paths: Readonly<Record<string, string>>): unknown {
  if (Array.isArray(value)) return value.map((item) => withSecretFiles(item, paths));
  if (typeof value !== 'object' || value === null) return value;
  if ('sdsConfig' in value && 'name' in value) {
    return {
      name: value.name,
      sdsConfig: { pathConfigSource: { path: paths[String(value.name)] }, resourceApiVersion: 'V3' },
    };
  }
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, withSecretFiles(field, paths)]));
}
