// Gateway (istio.io/latest/docs/reference/config/networking/gateway): schema and types.
import { flag, list, map, object, oneOfNames, required, type Static, text, uint32 } from './schema.ts';

const tlsProtocol = oneOfNames('TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3');
/** Schema of `ServerTLSSettings`; Sidecar ingress listeners have it too. */
export const serverTlsSchema = object({
  httpsRedirect: flag,
  mode: oneOfNames('PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL', 'OPTIONAL_MUTUAL'),
  serverCertificate: text,
  privateKey: text,
  caCertificates: text,
  caCrl: text,
  credentialName: text,
  credentialNames: list(text),
  caCertCredentialName: text,
  tlsCertificates: list(object({ serverCertificate: text, privateKey: text, caCertificates: text })),
  subjectAltNames: list(text),
  verifyCertificateSpki: list(text),
  verifyCertificateHash: list(text),
  minProtocolVersion: tlsProtocol,
  maxProtocolVersion: tlsProtocol,
  cipherSuites: list(text),
  ecdhCurves: list(text),
  insecureSkipVerify: flag,
});
const port = object({ number: required(uint32), protocol: required(text), name: required(text), targetPort: uint32 });
const server = object({
  port: required(port),
  bind: text,
  hosts: required(list(text)),
  tls: serverTlsSchema,
  defaultEndpoint: text,
  name: text,
});
/** Schema of a Gateway's spec. */
export const gatewaySchema = object({ servers: list(server), selector: map(text) });

/** Listeners of the gateway proxies that `selector` chooses. */
export interface GatewaySpec extends Static<typeof gatewaySchema> {}
/** One port and the hosts served on it. */
export interface Server extends Static<typeof server> {}
/** A server's port. */
export interface Port extends Static<typeof port> {}
/** TLS towards clients. */
export interface ServerTLSSettings extends Static<typeof serverTlsSchema> {}
