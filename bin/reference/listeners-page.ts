// docs/reference/listeners.md: what every port holds for those of whom nobody knows who they are, from the constants that bound it.
import { httpLimits } from '../../lib/bounded-http-server.ts';
import { defaultConnectionLimits } from '../../lib/connection-guard.ts';
import { defaultRoomLimits } from '../../lib/stranger-room.ts';
import { csrConnectionLimits, defaultCsrLimits } from '../../services/citadel/csr/csr-server.ts';
import { mixerLimits } from '../../services/mixer/grpc-server.ts';
import { adminLimits } from '../../services/pilot/admin/app.ts';
import { defaultAdsLimits } from '../../services/pilot/xds/ads-limits.ts';
import { markdownTable, page } from './markdown.ts';

const count = (value: number) => value.toLocaleString('en-US');
const seconds = (ms: number) => `${count(ms / 1000)} s`;
const size = (bytes: number) =>
  bytes < 1024 * 1024 ? `${count(bytes / 1024)} KiB` : `${count(bytes / 1024 / 1024)} MiB`;

/** The page. */
export function listenersPage(): string {
  const [http, ads, csr, all, strict] = [
    httpLimits,
    defaultAdsLimits,
    defaultCsrLimits,
    defaultConnectionLimits,
    csrConnectionLimits,
  ];
  const [mixer, room] = [mixerLimits, defaultRoomLimits];
  const same = (text: string) => [text, text, text, text];
  const rows = [
    [
      'defined in',
      '`lib/bounded-http-server.ts`',
      '`services/pilot/xds/ads-limits.ts`',
      '`services/citadel/csr/csr-server.ts`',
      '`services/mixer/grpc-server.ts`',
    ],
    ['connections', ...same(count(all.maxConnections))],
    ['connections of one address', ...same(count(all.maxPerAddress))],
    [
      'connections that have not sent a whole request',
      ...[all, all, strict, all].map(
        ({ maxUnproven }) => `${count(maxUnproven)}; the oldest of the address with most gives way`,
      ),
    ],
    [
      'of those, served at once; the others wait as sockets',
      '-',
      ...Array(3).fill(
        `${room.maxInside}; for one that waits one that is inside gives way after ${seconds(room.turnMs)}, to a smaller address after ${seconds(room.crowdTurnMs)}`,
      ),
    ],
    ['time to the first byte', ...same(seconds(all.firstByteMs))],
    [
      'time to the first whole request',
      `${seconds(http.headersTimeoutMs)} for a head, ${seconds(http.requestTimeoutMs)} in all`,
      `${seconds(ads.firstRequestMs)} on a stream, ${seconds(all.provenMs)} on a connection`,
      `${seconds(strict.provenMs)}; a connection lasts ${seconds(csr.maxConnectionMs)}`,
      seconds(all.provenMs),
    ],
    [
      'bytes of all such connections together',
      size(all.maxUnprovenBytes),
      size(all.maxUnprovenBytes),
      size(strict.maxUnprovenBytes),
      size(all.maxUnprovenBytes),
    ],
    [
      'message',
      `body: ${size(adminLimits.bodyBytes)} at the admin API once its sender is known`,
      `${size(ads.maxRequestBytes)}, unpacked`,
      `${size(csr.maxRequestBytes)}, unpacked`,
      `${size(mixer.maxRequestBytes)}, unpacked`,
    ],
    ['headers', `${size(http.headerBytes)}, ${http.headerCount} lines`, ...Array(3).fill('64 KiB, 128 lines')],
    ['streams of a connection', '1', ...[ads, csr, mixer].map((limits) => count(limits.maxStreamsPerConnection))],
    [
      'streams in all',
      '-',
      `${count(ads.maxStreams)}; the oldest that has not said who it is gives way`,
      `${count(csr.maxInFlight)} requests at work`,
      '-',
    ],
    [
      'held by HTTP/2 for a connection',
      '-',
      `${ads.maxSessionMiB} MiB`,
      `${csr.maxSessionMiB} MiB`,
      `${mixer.maxSessionMiB} MiB`,
    ],
    [
      'idle connection',
      seconds(http.keepAliveTimeoutMs),
      `${seconds(ads.idleMs)} without a stream`,
      `${seconds(csr.idleMs)} without a stream`,
      `${seconds(mixer.idleMs)} without a stream`,
    ],
    ['calls of one address', '-', '-', `${csr.rate.perSecond} a second, ${csr.rate.burst} at once`, '-'],
  ];
  const header = [
    'bound',
    'HTTP: admin 15015, monitoring 15014, health of other roles, agent status 15020, Citadel web',
    'xDS 15010 and 15012',
    'Citadel 8060',
    'Mixer 9091',
  ];
  return page(
    '# Bounds of every listener',
    [
      'What a port holds for those of whom nobody knows who they are. `test/security/port-siege.test.ts` besieges them.',
      markdownTable(header, rows),
      "The agent's SDS is a unix socket for the same user. Envoy's listeners have Envoy's bounds.",
    ].join('\n\n'),
  );
}
