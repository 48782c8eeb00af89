import { type Random, UsageError } from '@assay/core'
import type { ObjectStore } from '../store.js'

const RIVALS = 32
const PROBE_PREFIX = 'assay-probe-'
/** Longer than any probe takes, whatever the store's limits. */
const LEFT_OVER_AFTER_MS = 60 * 60 * 1000
const LEFT_OVERS_MAX = 10_000

/**
 * Lets 32 creates of one key race, so many rounds, and cleans up. Throws `store_not_atomic` unless each round has
 * exactly one winner and its bytes stay: on such a store two writers would each believe that their commit went through.
 */
export async function probeConditionalPuts(
  store: ObjectStore,
  { rounds, random }: { readonly rounds: number; readonly random: Random },
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const key = `${PROBE_PREFIX}${random.uuid()}`
    const racers = Array.from({ length: RIVALS }, (_, i) => store.putIfAbsent(key, Uint8Array.of(i)))
    try {
      // All puts have ended before the key is deleted: a late one would create it again.
      const ended = await Promise.allSettled(racers)
      const winners = ended.flatMap((racer, i) => {
        if (racer.status === 'rejected') throw racer.reason
        return racer.value === 'created' ? [i] : []
      })
      const kept = await store.get(key)
      if (winners.length !== 1 || kept?.[0] !== winners[0]) throw notAtomic(winners.length)
    } finally {
      await store.delete(key)
    }
  }
}

/** Deletes what probes of killed processes have left. */
export async function removeProbeLeftOvers(store: ObjectStore, now_ms: number): Promise<void> {
  const keys: string[] = []
  for await (const { key, modified_ms } of store.list(PROBE_PREFIX)) {
    if (modified_ms <= now_ms - LEFT_OVER_AFTER_MS) keys.push(key)
    if (keys.length === LEFT_OVERS_MAX) break
  }
  for (const key of keys) await store.delete(key)
}

function notAtomic(winners: number): UsageError {
  const seen = winners === 1 ? 'the winner’s bytes were overwritten' : `${winners} of them were told that they won`
  return new UsageError('store_not_atomic', `${RIVALS} writers created one object at once, and ${seen}`, {
    hint: 'commits are safe only on a store whose PUT with "If-None-Match: *" lets exactly one writer win, as AWS S3 and MinIO do; use another store',
  })
}
