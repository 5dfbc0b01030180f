/**
 * A blob that is put when it is there already counts as just put, for the collector of garbage; so it is marked again when its
 * time is older than this. A collector takes nothing younger than twice as much, which leaves a writer this long between
 * putting its files and having its result accepted.
 */
export const FRESH_MS = 3600_000;
