// How a proxy names a quota to Mixer, in rate limit descriptors and in buckets: one entry with its rule, the others are its dimensions.

/** Domain of Pilot's own rate limit filters; other proxies may use any. */
export const quotaDomain = 'periplus';

/** Key of the entry that names the quota: by its rule (`Policy/default/limits[0]`) or its instance (`NAME.NAMESPACE`). */
export const quotaKey = 'quota';

/** How long a lease lives, in seconds: Envoy 1.40 reports every 5 s, so two reports may be lost. */
export const leaseSeconds = 15;
