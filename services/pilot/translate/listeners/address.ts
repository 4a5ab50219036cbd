// Addresses that listeners bind to, and address ranges that filter chains match.
import { isIP } from 'node:net';
import { create } from '@bufbuild/protobuf';
import {
  type Address,
  AddressSchema,
  type CidrRange,
  CidrRangeSchema,
} from '../../../../gen/envoy/config/core/v3/address_pb.js';
import type { ProxyContext } from '../proxy-context.ts';

/** Every IPv4 address; of a service: none of its own. */
export const wildcardAddress = '0.0.0.0';

type IpVersion = Pick<ProxyContext, 'isIpv6Only'>;

/** Every address of a proxy, of IPv6 where it has no others: what its listeners bind to and are named by, as Istio's. */
export function wildcardOf({ isIpv6Only }: IpVersion): string {
  return isIpv6Only ? '::' : wildcardAddress;
}

/** The address that proxies without interception listen on for their application. */
export function localhostOf({ isIpv6Only }: IpVersion): string {
  return isIpv6Only ? '::1' : '127.0.0.1';
}

/** Where to bind: `unix:///path` (port is then ignored) or an IP address. */
export function bindAddress(bind: string, port: number): Address {
  if (isUnixSocket(bind)) {
    return create(AddressSchema, { address: { case: 'pipe', value: { path: bind.replace(/^unix:(\/\/)?/, '') } } });
  }
  return create(AddressSchema, {
    address: { case: 'socketAddress', value: { address: bind, portSpecifier: { case: 'portValue', value: port } } },
  });
}

/** Whether `bind` names a Unix domain socket. */
export function isUnixSocket(bind: string): boolean {
  return bind.startsWith('unix:');
}

/** A range from `10.0.0.0/8` or a single address; undefined for what is neither, and for 0.0.0.0 which restricts nothing. */
export function cidrRange(text: string): CidrRange | undefined {
  const [address = '', bits] = text.split('/');
  const version = isIP(address);
  if (version === 0 || address === wildcardAddress) return undefined;
  const prefixLen = bits === undefined ? (version === 6 ? 128 : 32) : Number(bits);
  return create(CidrRangeSchema, { addressPrefix: address, prefixLen });
}

/** One text for all ways to write a range: host bits cleared, /32 spelled out; `*` for what restricts nothing. IPv6 stays as it is. */
export function canonicalRange(text: string): string {
  const range = cidrRange(text);
  if (range === undefined) return '*';
  const { addressPrefix, prefixLen = 0 } = range;
  if (isIP(addressPrefix) !== 4) return `${addressPrefix.toLowerCase()}/${prefixLen}`;
  const bytes = addressPrefix.split('.').map((byte, index) => Number(byte) & byteMask(prefixLen - index * 8));
  return `${bytes.join('.')}/${prefixLen}`;
}

function byteMask(bits: number): number {
  return bits >= 8 ? 0xff : bits <= 0 ? 0 : (0xff << (8 - bits)) & 0xff;
}
