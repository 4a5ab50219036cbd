// Which routes a server keeps for connections whose host has moved to another server of its port.
import { describe, expect, it } from 'vitest';
import { gatewayDrainSubject } from '../../../../events/config-facts.ts';
import type { ServerTLSSettings } from '../../../../mesh/config/schemas/gateway.ts';
import { builderOf, configApplied, httpService, recorded, resourceOf } from '../../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../context-fixture.ts';
import { resourceToJson } from '../json.ts';
import { createMemo } from '../memo.ts';
import { translate } from '../translate.ts';
import { typeUrls } from '../translation.ts';

const simple: ServerTLSSettings = { mode: 'SIMPLE', credentialName: 'web' };
const context = sidecarContext({ type: 'router', labels: { istio: 'ingressgateway' } });
const gatewayOf = (name: string, hosts: string[], tls = simple) =>
  resourceOf('Gateway', name, {
    selector: { istio: 'ingressgateway' },
    servers: [{ port: { number: 443, name: 'https', protocol: 'HTTPS' }, hosts, tls }],
  });
const bound = (gateways: string[]) =>
  resourceOf('VirtualService', 'web', {
    hosts: ['web.example.com'],
    gateways,
    http: [{ route: [{ destination: { host: 'web' } }] }],
  });

/** Domains of the virtual hosts of the Gateway `left`, after each step. */
function domainsOfLeft(...steps: (readonly Parameters<typeof configApplied>[0][] | 'drained')[]): string[][] {
  const builder = builderOf({ services: [httpService('web')] });
  const memo = createMemo();
  return steps.map((step) => {
    const data = { namespace: 'default', name: 'left', through: builder.position };
    const type = 'io.periplus.config.gateway-drained';
    const facts =
      step === 'drained' ? [{ type, subject: gatewayDrainSubject(data), data }] : step.map((one) => configApplied(one));
    for (const fact of facts) builder.apply(recorded(fact, builder.position + 1));
    const translation = translate(builder.snapshot(), context, memo);
    const anew = translate(builder.snapshot(), context, createMemo());
    expect(translation.resources(typeUrls.route).version).toBe(anew.resources(typeUrls.route).version);
    const route = translation.resources(typeUrls.route).get('https.443.https.left.default');
    const hosts = (route && resourceToJson(route).virtualHosts) as { domains: string[] }[];
    return hosts.flatMap(({ domains }) => domains);
  });
}

describe('a host that moves from one HTTPS server of a port to another', () => {
  it('keeps its routes at the first one, as they are at the second, until connections are drained', () => {
    const start = [gatewayOf('left', ['web.example.com']), gatewayOf('right', ['api.example.com']), bound(['left'])];
    const moved = [gatewayOf('right', ['web.example.com']), gatewayOf('left', ['api.example.com']), bound(['right'])];
    expect(domainsOfLeft(start, moved, 'drained')).toEqual([['web.example.com'], ['web.example.com'], ['*']]);
  });

  it('keeps those of a wildcard’s part that a server has now', () => {
    const start = [gatewayOf('left', ['*.example.com']), bound(['left', 'right'])];
    const moved = [gatewayOf('left', ['left.org']), gatewayOf('right', ['web.example.com'])];
    expect(domainsOfLeft(start, moved)).toEqual([['web.example.com'], ['web.example.com']]);
  });

  it('keeps none where the second server asks more of its clients', () => {
    const strict: ServerTLSSettings = { mode: 'MUTUAL', credentialName: 'web' };
    const start = [gatewayOf('left', ['web.example.com']), bound(['left', 'right'])];
    const moved = [gatewayOf('left', ['left.org']), gatewayOf('right', ['web.example.com'], strict)];
    expect(domainsOfLeft(start, moved)).toEqual([['web.example.com'], ['*']]);
  });

  it('keeps none where no server has the host any more', () => {
    const start = [gatewayOf('left', ['web.example.com']), bound(['left'])];
    expect(domainsOfLeft(start, [gatewayOf('left', ['left.org'])])).toEqual([['web.example.com'], ['*']]);
  });
});
