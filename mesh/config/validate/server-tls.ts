// Validates TLS towards clients: Gateway servers and Sidecar ingress listeners.
import type { ServerTLSSettings } from '../schemas/gateway.ts';
import { isCipherSuite, isCurve } from '../tls-parameters.ts';
import { forEachAt, type Place } from './place.ts';

const versions = ['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'];

/** Reports certificates that are missing for, or contradict, the mode. */
export function checkServerTls(tls: ServerTLSSettings, place: Place): void {
  checkForms(tls, place);
  const mode = tls.mode ?? 'PASSTHROUGH';
  if (mode === 'ISTIO_MUTUAL') {
    checkNoCertificates(tls, place);
    return;
  }
  checkSources(tls, place);
  if (tls.caCrl && tls.credentialName && !['SIMPLE', 'MUTUAL', 'OPTIONAL_MUTUAL'].includes(mode))
    place.at('caCrl').error('belongs into the credential, as ca.crl');
  if (mode === 'PASSTHROUGH' || mode === 'AUTO_PASSTHROUGH') {
    if (certificateFields(tls).length > 0 || tls.credentialName || tls.caCrl)
      place.warn(`mode ${mode} does not end TLS here: certificates have no effect`);
  } else checkCertificates(tls, mode, place);
}

function checkSources(tls: ServerTLSSettings, place: Place): void {
  const sources = {
    credentialName: Boolean(tls.credentialName),
    credentialNames: Boolean(tls.credentialNames?.length),
    'serverCertificate with privateKey': Boolean(tls.serverCertificate && tls.privateKey),
    tlsCertificates: Boolean(tls.tlsCertificates?.length),
  };
  const given = Object.entries(sources).flatMap(([name, isGiven]) => (isGiven ? [name] : []));
  if (given.length > 1) place.error(`certificates come from one place, found ${given.join(' and ')}`);
}

function certificateFields(tls: ServerTLSSettings): readonly string[] {
  return (['serverCertificate', 'privateKey', 'caCertificates', 'tlsCertificates', 'credentialNames'] as const).filter(
    (name) => tls[name]?.length,
  );
}

function checkNoCertificates(tls: ServerTLSSettings, place: Place): void {
  const given = [...certificateFields(tls), ...(tls.credentialName ? ['credentialName'] : [])];
  if (given.length > 0)
    place.error(`mode ISTIO_MUTUAL uses the mesh's own certificates: leave out ${given.join(', ')}`);
}

function checkCertificates(tls: ServerTLSSettings, mode: string, place: Place): void {
  for (const name of ['credentialNames', 'tlsCertificates'] as const)
    if ((tls[name]?.length ?? 0) > 2) place.at(name).warn('more than 2 (one RSA, one ECDSA) are not supported');
  if (tls.credentialName || tls.credentialNames?.length) {
    if (tls.caCrl) place.at('caCrl').warn('has no effect: it belongs into the credential, as ca.crl');
    return;
  }
  if (tls.caCrl && mode === 'SIMPLE') place.at('caCrl').error('is for modes that ask clients for a certificate');
  const verifies = mode === 'MUTUAL' || mode === 'OPTIONAL_MUTUAL';
  if (verifies && !tls.caCertificates)
    place.at('caCertificates').error(`is required for mode ${mode} without credentialName`);
  if (tls.tlsCertificates?.length) {
    forEachAt(tls.tlsCertificates, place.at('tlsCertificates'), (certificate, at) => {
      for (const name of ['serverCertificate', 'privateKey'] as const)
        if (!certificate[name]) at.at(name).error('is required');
    });
    return;
  }
  for (const name of ['serverCertificate', 'privateKey'] as const)
    if (!tls[name]) place.at(name).error(`is required for mode ${mode} without credentialName`);
}

function checkForms(tls: ServerTLSSettings, place: Place): void {
  const { minProtocolVersion: min = 'TLS_AUTO', maxProtocolVersion: max = 'TLS_AUTO' } = tls;
  if (max !== 'TLS_AUTO' && versions.indexOf(min) > versions.indexOf(max))
    place.at('minProtocolVersion').warn(`${min} is above maxProtocolVersion ${max}`);
  if ((min === 'TLSV1_0' || min === 'TLSV1_1') && !tls.cipherSuites?.length)
    place.at('minProtocolVersion').warn(`${min} is insecure, and Envoy needs cipherSuites named for it`);
  forEachAt(tls.verifyCertificateHash, place.at('verifyCertificateHash'), (hash, at) => {
    if (!/^([0-9a-fA-F]{64}|[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){31})$/.test(hash))
      at.error('expected a SHA-256 hash in hexadecimal');
  });
  forEachAt(tls.verifyCertificateSpki, place.at('verifyCertificateSpki'), (hash, at) => {
    if (!/^[A-Za-z0-9+/]{43}=$/.test(hash)) at.error('expected a SHA-256 hash in base64');
  });
  forEachAt(tls.ecdhCurves, place.at('ecdhCurves'), (curve, at) => {
    if (!isCurve(curve)) at.warn(`${JSON.stringify(curve)} is not a curve and is left out`);
  });
  const seen = new Set<string>();
  forEachAt(tls.cipherSuites, place.at('cipherSuites'), (cipher, at) => {
    if (!isCipherSuite(cipher)) at.warn(`${JSON.stringify(cipher)} is not a cipher suite and is left out`);
    else if (seen.has(cipher)) at.warn(`${cipher} is given twice`);
    seen.add(cipher);
  });
}
