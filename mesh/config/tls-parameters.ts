// Names of cipher suites and curves that Envoy (BoringSSL) takes: of others a whole listener would be refused, so they are left out, as by istiod.

const cipherSuites: readonly string[] = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA',
  'AES256-SHA',
  'DES-CBC3-SHA',
];
const curves: readonly string[] = [
  'P-224',
  'P-256',
  'P-384',
  'P-521',
  'X25519',
  'X25519Kyber768Draft00',
  'X25519MLKEM768',
];

/** Expressions with operators (`[A|B]`, `-C`) are taken as they are. */
export function isCipherSuite(name: string): boolean {
  return name === 'ALL' || cipherSuites.includes(name) || !/^[\p{L}\p{N}]/u.test(name);
}

/** Whether a name is a curve's. */
export function isCurve(name: string): boolean {
  return curves.includes(name);
}

/** Those that are, each once. */
export function usable(names: readonly string[], isKnown: (name: string) => boolean): string[] {
  return [...new Set(names)].filter((name) => name !== '' && isKnown(name));
}
