// Certificates signed a second: from a signing request to an SVID with its record in the log, by one thread and by all cores.
import { MemoryLog } from '../events/logs/memory.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { CertificateAuthority } from '../services/citadel/ca/certificate-authority.ts';
import { BanCheck } from '../services/citadel/csr/ban-check.ts';
import { issueCertificate } from '../services/citadel/csr/issuance.ts';
import { IssuanceRecord } from '../services/citadel/csr/issuance-record.ts';
import type { KeyStore } from '../services/citadel/keys/key-store.ts';
import { createCsr } from '../services/citadel/x509/csr.ts';
import { generateKeyPair, keyHash } from '../services/citadel/x509/keys.ts';
import { SigningPool } from '../services/citadel/x509/signing-pool.ts';

/** What was measured. */
export interface CsrRate {
  readonly perSecond: number;
  /** Of all threads, for each certificate. */
  readonly cpuMs: number;
}

/** Callers that wait at a time: as many as a mesh that renews in a burst has. */
const inFlight = 64;

/** Signs `count` requests with at most `threads` threads (0: the process's own alone). */
export async function measureCsrs(options: { readonly count: number; readonly threads: number }): Promise<CsrRate> {
  const { count, threads } = options;
  const pool = new SigningPool({ threads });
  const facts = new MemoryLog();
  const parts = { trustDomain: 'cluster.local', facts, clock: systemClock, logger: silentLogger, name: 'bench' };
  const ca = new CertificateAuthority({ ...parts, keys: memoryKeys(), issue: pool.issueSvid });
  await ca.open();
  const bans = new BanCheck(facts);
  const record = new IssuanceRecord({ ...parts, source: '/citadel/bench' });
  const id = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };
  const evidence = { kind: 'bench', details: {} };
  const means = {
    ca,
    record,
    parse: pool.parseCsr,
    limit: { take: () => true },
    isBanned: async (spiffeId: string) => await bans.isBanned(spiffeId),
    attestors: [{ kind: 'bench', attest: async () => ({ outcome: 'proven', id, evidence }) as const }],
  };
  const csr = await createCsr(await generateKeyPair('ecdsa-p256'));
  const request = { csr, lifeSeconds: 0, credentials: { peer: '127.0.0.1:1' } };
  const sign = async (total: number) => {
    let left = total;
    const one = async () => {
      while (left-- > 0) {
        const issuance = await issueCertificate(request, means);
        if (!issuance.ok) throw new Error(issuance.message);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, one));
  };
  await sign(inFlight * 2);
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  await sign(count);
  const seconds = (performance.now() - started) / 1000;
  const used = process.cpuUsage(cpu);
  await pool.close();
  return { perSecond: count / seconds, cpuMs: (used.user + used.system) / 1000 / count };
}

function memoryKeys(): KeyStore {
  const keys = new Map<string, Awaited<ReturnType<KeyStore['create']>>>();
  return {
    description: 'memory',
    create: async (type) => {
      const { publicKey, privateKey } = await generateKeyPair(type);
      const stored = { name: keyHash(publicKey).slice(0, 32), keys: { publicKey, privateKey } };
      keys.set(stored.name, stored);
      return stored;
    },
    open: async (name) => keys.get(name)?.keys,
    remove: async (name) => void keys.delete(name),
  };
}
