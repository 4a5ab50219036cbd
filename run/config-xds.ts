// The part of a process's configuration that is about xDS: in plaintext, and over mutual TLS where there is a Citadel.
import type { IdentitySource } from '../agent/identity/agent-identity.ts';
import { MeshError } from '../lib/mesh-error.ts';
import { type CitadelFlags, defaultTrustDomain } from './config-citadel.ts';
import { type IdentityFlags, identitySourceOf } from './proxy-identity.ts';

/** Flags of `serve` and `up` for xDS; `citadel` and its kin are for a Pilot whose Citadel is another process. */
export interface XdsFlags extends IdentityFlags {
  readonly xdsPort?: number;
  /** Address of the plaintext port. */
  readonly xdsHost?: string;
  readonly xdsMtlsPort?: number;
}

/** Where Pilot serves xDS. */
export interface XdsConfig {
  /** Plaintext. */
  readonly host: string;
  readonly port: number;
  /** Mutual TLS; undefined: there is no Citadel. */
  readonly mtls: MutualTlsConfig | undefined;
}

/** xDS over mutual TLS. */
export interface MutualTlsConfig {
  readonly host: string;
  readonly port: number;
  readonly trustDomain: string;
  /** Where Pilot's own certificate comes from; undefined: the Citadel of this process. */
  readonly source: IdentitySource | undefined;
}

/** DESIGN.md's Public face; Istio's. */
export const xdsPorts = { plaintext: 15010, mtls: 15012 } as const;

/** Throws MeshError `usage` for flags of an mTLS port that can't be had. */
export function xdsConfigOf(
  flags: XdsFlags & Pick<CitadelFlags, 'trustDomain'>,
  means: {
    readonly host: string;
    readonly workingDirectory: string;
    readonly env: Readonly<Record<string, string | undefined>>;
    /** What is in this process. */
    readonly has: { readonly pilot: boolean; readonly citadel: boolean; readonly mixer: boolean };
  },
): XdsConfig {
  const { has, host } = means;
  const { trustDomain, ...others } = flags;
  const source = identitySourceOf(flags.citadel === undefined ? others : flags, means);
  if (source && (has.citadel || !(has.pilot || has.mixer)))
    throw new MeshError(
      'usage',
      '--citadel is for a process with the role pilot or mixer and without the role citadel',
    );
  if (flags.xdsMtlsPort !== undefined && !(source && has.pilot) && !has.citadel)
    throw new MeshError('usage', '--xds-mtls-port needs the role citadel, or --citadel HOST:PORT of another process');
  const mtls =
    has.pilot && (has.citadel || source)
      ? { host, port: flags.xdsMtlsPort ?? xdsPorts.mtls, trustDomain: trustDomain ?? defaultTrustDomain, source }
      : undefined;
  // Where proxies can prove who they are, those that do not are served on this machine alone, unless somebody says otherwise.
  return { host: flags.xdsHost ?? (mtls ? '127.0.0.1' : host), port: flags.xdsPort ?? xdsPorts.plaintext, mtls };
}

/** Where a Mixer that is apart from Pilot and Citadel gets its certificate; undefined: from neither, or it is not apart. */
export function mixerIdentitySourceOf(
  flags: XdsFlags & Pick<CitadelFlags, 'trustDomain'>,
  means: Parameters<typeof xdsConfigOf>[1],
): Pick<MutualTlsConfig, 'source' | 'trustDomain'> | undefined {
  const { has } = means;
  if (!has.mixer || has.pilot || has.citadel || flags.citadel === undefined) return undefined;
  return { source: identitySourceOf(flags, means), trustDomain: flags.trustDomain ?? defaultTrustDomain };
}
