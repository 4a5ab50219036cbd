import { describe, expect, it } from 'vitest';
import { mixerConfigOf } from './config-mixer.ts';

const addresses = () => ['192.0.2.1'];

describe('mixerConfigOf', () => {
  it('is nothing without the role, and its flags are wrong then', () => {
    expect(mixerConfigOf({}, { wanted: false, host: '127.0.0.1' })).toBeUndefined();
    expect(() => mixerConfigOf({ mixerPort: 1 }, { wanted: false, host: '127.0.0.1' })).toThrow(/need the role mixer/);
  });

  it.each([
    ['127.0.0.1', undefined, '127.0.0.1'],
    ['localhost', undefined, '127.0.0.1'],
    ['0.0.0.0', undefined, '192.0.2.1'],
    ['::', undefined, '192.0.2.1'],
    ['0.0.0.0', '198.51.100.7', '198.51.100.7'],
  ])('listening on %s with --mixer-address %s it is reached at %s', (host, mixerAddress, address) => {
    const flags = mixerAddress === undefined ? {} : { mixerAddress };
    expect(mixerConfigOf(flags, { wanted: true, host, addresses })).toEqual({ port: 9091, address });
  });

  it('refuses a name as an address, and a machine without any', () => {
    expect(() => mixerConfigOf({ mixerAddress: 'mixer' }, { wanted: true, host: '::', addresses })).toThrow(
      /IP address/,
    );
    expect(() => mixerConfigOf({}, { wanted: true, host: '::', addresses: () => [] })).toThrow(/--mixer-address/);
  });
});
