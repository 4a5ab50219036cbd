// From a write to a real Consul to every proxy, and the initial sync: `node bench/consul.ts [SERVICES] [PROXIES] [ROUNDS]`.
import { TestConsul } from '../test/support/consul.ts';
import { endpointsEach, runPlatform, type Size } from './platform-run.ts';

/** Prints the figures of one size. */
async function benchConsul(size: Size): Promise<void> {
  const consul = await TestConsul.start();
  if (!(consul instanceof TestConsul)) {
    console.log(consul.why);
    return;
  }
  try {
    const register = (service: number, instance: number, address: string) =>
      consul.register({
        ID: `s${service}-${instance}`,
        Name: `s${service}`,
        Address: address,
        Port: 8080,
        Tags: ['http'],
      });
    for (let service = 0; service < size.services; service++)
      for (let instance = 0; instance < endpointsEach; instance++)
        await register(service, instance, `10.${100 + (service >> 8)}.${service & 255}.${instance + 1}`);
    const change = (round: number, address: string) => register(round % size.services, 0, address);
    await runPlatform({ name: 'consul', where: consul.url, change }, size);
  } finally {
    await consul.kill();
  }
}

if (import.meta.main) {
  // Up to 150 services each have a blocking query of their own (adapters/consul/README.md).
  const [services = 100, proxies = 300, rounds = 20] = process.argv.slice(2).map(Number);
  await benchConsul({ services, proxies, rounds });
}
