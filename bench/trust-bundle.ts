// `node bench/trust-bundle.ts [AGENTS]`: a new trust bundle to agents over xDS: from Citadel's event to the last acknowledgement in the log.
import { BundleWatch } from '../agent/identity/bundle-watch.ts';
import { mutualTls } from '../agent/identity/mutual-tls.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { supervise } from '../lib/service.ts';
import { controlPlaneId, formatSpiffeId } from '../mesh/spiffe-id.ts';
import { MtlsMesh, trustDomain } from '../test/support/mtls-mesh.ts';
import { waitFor } from '../test/support/wait-for.ts';

const agents = Number(process.argv[2] ?? 300);
const mesh = await MtlsMesh.start();
const stop = new AbortController();
const serverId = formatSpiffeId(controlPlaneId(trustDomain, 'pilot'));
const pilot = `127.0.0.1:${await mesh.xdsPort()}`;
const { admin } = mesh.citadel;

const began = performance.now();
const watches: BundleWatch[] = [];
for (let i = 0; i < agents; i++) {
  const own = await mesh.svid('bench', `web-${i}`);
  const id = `sidecar~10.1.${i >> 8}.${i % 256}~web-${i}.bench~bench.svc.cluster.local`;
  const metadata = { NAMESPACE: 'bench', SERVICE_ACCOUNT: `web-${i}`, PERIPLUS_IDENTITY: 'SDS' };
  let { roots } = own;
  const credentials = async () => mutualTls({ roots, serverId, own });
  const use = async (bundle: string) => {
    roots = bundle;
    return undefined;
  };
  watches.push(new BundleWatch({ pilotAddresses: [pilot], node: { id, metadata }, credentials, use }));
}
const signedMs = performance.now() - began;
const running = supervise(watches, { signal: stop.signal, clock: systemClock, logger: silentLogger });
const nobodyLags = async () => (await admin.caStatus()).lagging.length === 0;
const connected = () => [...(mesh.composition.pilot?.streams ?? [])].filter((stream) => stream.identity).length;
await waitFor(() => connected() === agents, { what: `${agents} streams`, limitMs: 120_000 });
await waitFor(nobodyLags, { what: 'the first bundle', limitMs: 60_000 });

await admin.rotate('user:bench');
const published = performance.now();
await admin.rotate('user:bench');
await waitFor(nobodyLags, { what: 'the new bundle', limitMs: 60_000, everyMs: 5 });
const pushedMs = performance.now() - published;

process.stdout.write(
  `${agents} agents: ${Math.round(signedMs / agents)} ms a certificate one after the other; new bundle acknowledged by all in ${Math.round(pushedMs)} ms\n`,
);
stop.abort();
await running;
await mesh.dispose();
