// Attacks, the guard against each, and the test that must fail when the guard is taken away: `npm run guards` takes them away one by one.

/** One guard. */
export interface Guard {
  /** What an attacker tries. */
  readonly attack: string;
  /** File of the guard. */
  readonly file: string;
  /** The guard as it stands there, exactly once. */
  readonly guard: string;
  /** What is there without it. */
  readonly without: string;
  /** File of the test, and a part of its name where one of several is meant. */
  readonly test: string;
  readonly named?: string;
}

const csr = 'services/citadel/x509/csr.ts';
const keys = 'services/citadel/x509/keys.ts';
const jwt = 'services/citadel/attest/jwt.ts';
const joinToken = 'services/citadel/attest/join-token.ts';
const clientProof = 'services/pilot/xds/client-proof.ts';
const jwks = 'services/pilot/jwks-fetch.ts';
const jwksTest = 'services/pilot/jwks-fetch.test.ts';
const attestors = 'services/citadel/attest/attestors.test.ts';
const jwtTest = 'services/citadel/attest/jwt.test.ts';
const csrTest = 'services/citadel/x509/csr.test.ts';
const strings = 'services/pilot/translate/security/string-matchers.ts';
const paths = 'services/pilot/translate/security/path-matchers.ts';
const policyAttacks = 'test/security/policy-attacks.test.ts';
const controlPlane = 'test/mtls-control-plane.test.ts';
const connections = 'lib/connection-guard.ts';
const httpServer = 'lib/bounded-http-server.ts';
const siege = 'test/security/port-siege.test.ts';

/** In the order of the attacks' places: Pilot's port, issuance, tokens, key sets, policies, the edge, bans, ports. */
export const guards: readonly Guard[] = [
  {
    attack: 'resources that were not shown to one’s namespace, asked for by name, cold and warm',
    file: 'services/pilot/translate/visibility.ts',
    guard: "(target) => target === '*' || target === namespace || (target === '.' && ownNamespace === namespace),",
    without: '() => true,',
    test: controlPlane,
    named: 'hands out nothing',
  },
  {
    attack: 'private keys asked for over plaintext from another machine',
    file: 'services/pilot/credentials/may-hold-secrets.ts',
    guard: 'return spiffeId !== undefined ||',
    without: 'return peer !== undefined ||',
    test: 'services/pilot/credentials/credential-store.test.ts',
  },
  {
    attack: 'the node id of another namespace',
    file: clientProof,
    guard: 'if (claimed !== id.namespace)',
    without: 'if (claimed === undefined)',
    test: controlPlane,
    named: 'refuses the node',
  },
  {
    attack: 'the node id of another service account',
    file: clientProof,
    guard: "if (serviceAccount !== '' && serviceAccount !== id.serviceAccount)",
    without: "if (serviceAccount === 'never')",
    test: controlPlane,
    named: 'refuses the node',
  },
  {
    attack: 'a CSR for a key that somebody else holds (bad self-signature)',
    file: csr,
    guard: 'return signed ? undefined :',
    without: 'return signed || !signed ? undefined :',
    test: csrTest,
  },
  {
    attack: 'a CSR signed over SHA-1',
    file: csr,
    guard: "if (!hashes.has(hash?.name ?? ''))",
    without: "if (hash?.name === '')",
    test: csrTest,
  },
  {
    attack: 'a CSR with a short RSA key',
    file: keys,
    guard: 'if (modulusLength < rsaBits.min)',
    without: 'if (modulusLength < 512)',
    test: csrTest,
  },
  {
    attack: 'a CSR with a small RSA exponent',
    file: keys,
    guard: 'publicExponent >= 65_537n &&',
    without: '',
    test: 'services/citadel/csr/issuance-attacks.test.ts',
  },
  {
    attack: 'something behind the CSR',
    file: csr,
    guard: 'return der.length === 2 + octets +',
    without: 'return der.length >= 2 + octets +',
    test: csrTest,
  },
  {
    attack: 'a join token used by 100 at once',
    file: joinToken,
    guard: 'return won\n',
    without: 'return won || !won\n',
    test: attestors,
  },
  {
    attack: 'a join token used again with another key',
    file: joinToken,
    guard: 'keyHash === used.keyHash &&',
    without: '',
    test: attestors,
  },
  {
    attack: 'a join token that has expired',
    file: joinToken,
    guard: 'if (!(Date.parse(known.expiresAt) > means.clock.nowMs()))',
    without: 'if (known.expiresAt === undefined)',
    test: attestors,
  },
  {
    attack: 'a platform’s token with `alg: none` or of another kind',
    file: jwt,
    guard: '      algorithms: [...algorithms],\n',
    without: '',
    test: jwtTest,
  },
  {
    attack: 'a platform’s token without exp',
    file: jwt,
    guard: "requiredClaims: ['exp', 'iat', 'sub'],",
    without: "requiredClaims: ['iat', 'sub'],",
    test: jwtTest,
  },
  {
    attack: 'a platform’s token for another audience, or for none',
    file: jwt,
    guard: '      audience,\n      algorithms',
    without: '      algorithms',
    test: jwtTest,
  },
  {
    attack: 'an expired token of a platform',
    file: jwt,
    guard: 'clockTolerance: toleranceSeconds,',
    without: 'clockTolerance: 1e9,',
    test: jwtTest,
  },
  {
    attack: 'an issuer with `?` or `#`',
    file: jwt,
    guard: '!/[?#\\s]/.test(issuer)',
    without: "issuer !== ''",
    test: jwtTest,
  },
  {
    attack: 'a policy’s issuer with `?` or `#`, whose keys are looked for',
    file: 'services/pilot/translate/security/key-set-source.ts',
    guard: ' || /[?#]/.test(issuer)) return undefined;',
    without: ') return undefined;',
    test: 'services/pilot/translate/security/key-set-source.test.ts',
  },
  {
    attack: 'jwksUri to loopback, link-local and private addresses',
    file: jwks,
    guard: 'options.allowPrivate ? undefined : addresses.find(isInside)',
    without: 'options.allowPrivate || addresses.length > 0 ? undefined : addresses.find(isInside)',
    test: jwksTest,
  },
  {
    attack: 'jwksUri that redirects inside',
    file: jwks,
    guard: 'if (status >= 300 && status < 400) return fail(',
    without:
      'if (status >= 300 && status < 400) return void fetchText(String(response.headers.location), options).then(resolve, reject);\n      if (status === 0) return fail(',
    test: jwksTest,
  },
  {
    attack: 'jwksUri by a name that is looked up anew (rebinding)',
    file: jwks,
    guard: '      host: address,\n',
    without: '      host: hostname,\n',
    test: jwksTest,
  },
  {
    attack: 'a key set without end',
    file: jwks,
    guard: 'if (bytes > maxBytes)',
    without: 'if (bytes > 1e12)',
    test: jwksTest,
  },
  {
    attack: 'paths with dot segments against DENY',
    file: 'services/pilot/translate/listeners/connection-manager.ts',
    guard: "    case 'BASE':\n      return { normalizePath: true };",
    without: "    case 'BASE':\n      return { normalizePath: false };",
    test: policyAttacks,
  },
  {
    attack: 'paths in another case, with `//`, `%2F`, `%5C`, `;` against DENY',
    file: paths,
    guard: 'inAnyCase, ...spellings, ambiguous()];',
    without: 'inAnyCase, ambiguous()];',
    test: policyAttacks,
  },
  {
    attack: 'paths whose dot segments are encoded against DENY',
    file: paths,
    guard: 'inAnyCase, ...spellings, ambiguous()];',
    without: 'inAnyCase, ...spellings];',
    test: policyAttacks,
  },
  {
    attack: 'hosts in another case against DENY',
    file: strings,
    guard: 'const strings = [wildcardMatcher(value, { ignoreCase: true })];',
    without: 'const strings = [wildcardMatcher(value)];',
    test: 'test/security/authorization-differential.test.ts',
  },
  {
    attack: 'hosts with a port or a trailing dot against DENY',
    file: strings,
    guard: "if (polarity === 'refuse' && wildcard.kind !== 'prefix') {",
    without: "if (polarity === 'refuse' && wildcard.text === '') {",
    test: policyAttacks,
  },
  {
    attack: 'a header with several values against DENY',
    file: strings,
    guard: "polarity === 'admit' || name.startsWith(':') ? wildcardMatcher(value) : anyItem(wildcard)",
    without: "polarity === 'admit' || name !== '' ? wildcardMatcher(value) : anyItem(wildcard)",
    test: policyAttacks,
  },
  {
    attack: 'expressions in what policies mean literally',
    file: strings,
    guard: "return text.replace(/[\\\\^$.*+?()[\\]{}|]/g, '\\\\$&');",
    without: 'return text;',
    test: policyAttacks,
  },
  {
    attack: 'principals in plaintext at a PERMISSIVE port',
    file: 'services/pilot/translate/security/principals.ts',
    guard: "{ case: 'authenticated', value: { principalName } }",
    without: "{ case: 'any', value: principalName !== undefined }",
    test: 'test/security/mutual-tls.test.ts',
  },
  {
    attack: 'plaintext at a STRICT port',
    file: 'services/pilot/translate/security/mutual-tls-mode.ts',
    guard: 'return ports.get(port) ?? mode;',
    without: 'return ports.get(port + 1) ?? mode;',
    test: 'test/security/mutual-tls.test.ts',
  },
  {
    attack: 'identity headers that a client sends at the edge',
    file: 'services/pilot/translate/listeners/proxy-headers.ts',
    guard: 'isGateway ? details.SANITIZE_SET : details.APPEND_FORWARD',
    without: 'isGateway ? details.ALWAYS_FORWARD_ONLY : details.APPEND_FORWARD',
    test: 'test/security/edge-attacks.test.ts',
  },
  {
    attack: 'SNI of a service that was not shown to the gateway',
    file: 'services/pilot/translate/visibility.ts',
    guard: "(target) => target === '*' || target === namespace || (target === '.' && ownNamespace === namespace),",
    without: '() => true,',
    test: 'test/security/edge-attacks.test.ts',
    named: 'not shown to the gateway',
  },
  {
    attack: 'TLS that is resumed after a ban',
    file: 'services/pilot/translate/security/mesh-tls.ts',
    guard: `    sessionTicketKeysType: { case: 'disableStatelessSessionResumption', value: true },
    disableStatefulSessionResumption: true,
`,
    without: '',
    test: 'test/security/bans.test.ts',
  },
  {
    attack: 'connections of a banned identity',
    file: 'services/pilot/translate/security/ban-filters.ts',
    guard: 'if (bans.size === 0) return [];',
    without: 'if (bans.size < 1_000) return [];',
    test: 'test/security/bans.test.ts',
  },
  {
    attack: 'certificates for a banned identity',
    file: 'services/citadel/csr/caller.ts',
    guard: 'if (await means.isBanned(caller.spiffeId)) {',
    without: "if (caller.spiffeId === '' && (await means.isBanned(caller.spiffeId))) {",
    test: 'services/citadel/csr/csr-server.test.ts',
  },
  {
    attack: 'a regular expression that grows beyond what Envoy takes',
    file: 'mesh/config/validate/regex.ts',
    guard: 'if (nested > maxNestedCount)',
    without: 'if (nested > 1e9)',
    test: 'test/security/hostile-regex.test.ts',
  },
  {
    attack: 'a crowd of silent connections',
    file: connections,
    guard: 'socket.bytesRead === 0 && socket.destroy()',
    without: 'socket.bytesRead === -1 && socket.destroy()',
    test: siege,
    named: 'mixer: holds a bounded number',
  },
  {
    attack: 'more strangers, of one address or of all, than there is room for',
    file: connections,
    guard: 'if (isCrowded || strangers.byPeer.size >= limits.maxUnproven || open.size >= limits.maxConnections) {',
    without: 'if (open.size >= limits.maxConnections) {',
    test: siege,
    named: 'xds: holds a bounded number',
  },
  {
    attack: 'heads of requests that dribble',
    file: httpServer,
    guard: '    headersTimeout: httpLimits.headersTimeoutMs,\n',
    without: '    headersTimeout: 0,\n',
    test: siege,
    named: 'cut off who dribbles',
  },
];
