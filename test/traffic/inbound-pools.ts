// Cases of a DestinationRule's connectionPool once more for what comes in: at a Sidecar's ingress listener, and for all of them.
import assert from 'node:assert/strict';
import type { ConnectionPoolSettings, DestinationRuleSpec } from '../../mesh/config/schemas/destination-rule.ts';
import type { CaseMesh, Place, TrafficCase } from './case.ts';
import { sendHttp2 } from './client.ts';
import { type Manifest, sidecar } from './resources.ts';

/** Fields of a Sidecar that hold the settings. */
const forms = ['ingress.connectionPool', 'inboundConnectionPool'] as const;
type Form = (typeof forms)[number];
const hostPool = 'DestinationRule.trafficPolicy.connectionPool.';
/** Where the ingress listener is bound. */
const ingress = { address: '127.77.0.9' };

/** Each of `cases` named in `names` for each form. */
export function atInbound(cases: readonly TrafficCase[], names: readonly string[]): TrafficCase[] {
  const chosen = names.map((name) => {
    const found = cases.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no case is called ${name}`);
    return found;
  });
  return forms.flatMap((form) => [...chosen.map((one) => moved(one, form)), maxRetries(form)]);
}

function moved(one: TrafficCase, form: Form): TrafficCase {
  const { resources, later, run } = one;
  return {
    name: `${one.name} (${form})`,
    proves: one.proves
      .filter((field) => !field.endsWith('.h2UpgradePolicy'))
      .map((field) => `Sidecar.${form}.${field.slice(hostPool.length)}`),
    ...(resources && { resources: (place) => movedAll(resources(place), form, place) }),
    ...(later && { later: (place) => movedAll(later(place), form, place) }),
    run: (mesh, applied) => run(inside(mesh), applied),
  };
}

/** Nothing comes in that is tried again after it was sent; the proxy's own count of what it may try shows the limit. */
function maxRetries(form: Form): TrafficCase {
  return {
    name: `connectionPool.http.maxRetries (${form})`,
    proves: [`Sidecar.${form}.http.maxRetries`],
    resources: (place) => [pooled({ http: { maxRetries: 7 } }, form, place)],
    run: async (mesh) => {
      assert.equal((await inside(mesh).get('/')).echo.instance, 'app');
      const stat = `cluster.inbound|${mesh.ports.spare[1]}||.circuit_breakers.default.remaining_retries`;
      const stats = await (await fetch(`http://127.0.0.1:${mesh.admin.sidecar}/stats?filter=remaining_retries`)).text();
      assert.ok(
        stats.split('\n').some((line) => line.replace(';', '') === `${stat}: 7`),
        stats,
      );
    },
  };
}

function movedAll(manifests: readonly Manifest[], form: Form, place: Place): Manifest[] {
  return manifests.flatMap(({ kind, spec }) => {
    const pool = kind === 'DestinationRule' ? (spec as DestinationRuleSpec).trafficPolicy?.connectionPool : undefined;
    return pool ? [pooled(pool, form, place)] : [];
  });
}

/** A listener with `pool` in front of the application, or of what the case starts on the last spare port. */
function pooled(pool: ConnectionPoolSettings, form: Form, { ports, instances: { app } }: Place): Manifest {
  const { h2UpgradePolicy, ...http } = pool.http ?? {};
  const settings = { ...pool, ...(pool.http && { http }) };
  const listener = {
    // What a rule asks for with h2UpgradePolicy is here the port's protocol.
    port: { number: ports.spare[1], protocol: h2UpgradePolicy === 'UPGRADE' ? 'HTTP2' : 'HTTP', name: 'http' },
    bind: ingress.address,
    captureMode: 'NONE' as const,
    defaultEndpoint: `127.0.0.1:${http.http2KeepAlive ? ports.spare[5] : app.port}`,
  };
  const isIngress = form === 'ingress.connectionPool';
  return sidecar('client', {
    workloadSelector: { labels: { app: 'client' } },
    ingress: [isIngress ? { ...listener, connectionPool: settings } : listener],
    egress: [{ hosts: ['*/*'] }],
    ...(isIngress ? {} : { inboundConnectionPool: settings }),
  });
}

/** The mesh as a case sees it whose requests come in at the ingress listener: the application answers in `other`'s place. */
function inside(mesh: CaseMesh): CaseMesh {
  const { ports, instances, files, certificates, servers, admin } = mesh;
  const to = { address: ingress.address, port: ports.spare[1] };
  return {
    ...{ ports, instances, files, certificates, admin },
    servers: { ...servers, o1: servers.app },
    silentAddress: '127.0.0.1',
    get: (path, call) => mesh.get(path, { ...call, ...to }),
    getHttp2: (path, call) => sendHttp2(path, { host: 'echo', ...call, ...to }),
    ingress: (path, call) => mesh.ingress(path, call),
    tally: (count, path, call) => mesh.tally(count, path, { ...call, ...to }),
    join: (identity) => mesh.join(identity),
    joinAgent: (identity, more) => mesh.joinAgent(identity, more),
    seen: (key) => mesh.seen(key),
    newKey: () => mesh.newKey(),
    apply: (...resources) => mesh.apply(...resources),
    remove: (...resources) => mesh.remove(...resources),
  };
}
