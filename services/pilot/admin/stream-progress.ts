// How far each open stream is: what `apply --wait` counts. A proxy that a change does not touch is sent nothing and is done all the same.

import { type Translation, type TypeUrl, typeUrls } from '../translate/translation.ts';
import type { AdsStream } from '../xds/ads-stream.ts';
import type { ResourceCache } from '../xds/resource-cache.ts';

/** One proxy's stream. */
export interface StreamProgress {
  readonly proxyId: string;
  readonly streamId: string;
  /** Facts position of the translation that the stream was last given; 0 before the first. */
  readonly position: number;
  /** Everything of that translation which the proxy asked for has been sent and answered. */
  readonly settled: boolean;
}

/** The progress of every stream whose proxy is known. */
export function progressOfStreams(
  streams: Iterable<AdsStream>,
  cache: Pick<ResourceCache, 'translationOf'>,
): readonly StreamProgress[] {
  const progress: StreamProgress[] = [];
  for (const stream of streams) {
    const { identity } = stream;
    if (identity === undefined) continue;
    const translation = cache.translationOf(identity.context);
    progress.push({
      proxyId: identity.proxyId,
      streamId: identity.streamId,
      position: translation?.position ?? 0,
      settled: translation !== undefined && stream.settled && holds(stream, translation),
    });
  }
  return progress;
}

/** Nothing of the translation waits for the client to read: each subscription has been brought to the newest set. */
function holds(stream: AdsStream, translation: Translation): boolean {
  return Object.values(typeUrls).every((typeUrl: TypeUrl) => {
    const subscription = stream.subscription(typeUrl);
    return !subscription?.started || subscription.base === stream.setOf(typeUrl, translation);
  });
}
