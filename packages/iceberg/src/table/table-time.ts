import type { Clock } from '@assay/core'
import type { TableVersion } from '../catalog/catalog.js'
import type { Snapshot, TableMetadata } from '../format/metadata.js'

/**
 * A table's own time: how many milliseconds it has existed for, as far as its commits have witnessed. It only grows, is
 * never ahead of the true one but for one step, and hangs on no wall clock: ages of what may be forgotten or deleted
 * are differences of it. Each commit writes it into a table property and into its snapshot's summary.
 */
const ELAPSED = 'elapsed_ms'

/**
 * What a difference of wall-clock times is believed for where nobody watched: a clock that jumps ahead and returns has
 * made a file so much older than it is, at most, and whoever deletes allows for it.
 */
export const WITNESSED_STEP_MS = 60_000

export function elapsedProperty(propertyPrefix: string): string {
  return `${propertyPrefix}${ELAPSED}`
}

/** The table's time at the last commit that wrote one; 0 before the first. */
export function elapsedAt({ properties }: TableMetadata, propertyPrefix: string): number {
  return parseElapsed(properties[elapsedProperty(propertyPrefix)]) ?? 0
}

/** The table's time when the snapshot was committed; undefined for those of other engines and of older versions. */
export function elapsedOf({ summary }: Snapshot, propertyPrefix: string): number | undefined {
  return parseElapsed(summary[elapsedProperty(propertyPrefix)])
}

function parseElapsed(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

interface Sighting {
  readonly tableUuid: string
  readonly token: string
  readonly monotonic_ms: number
  readonly isOwn: boolean
}

/** Tells a table's time from its newest version, by the monotonic clock where this process saw it come. */
export class TableTime {
  readonly #clock: Clock
  readonly #propertyPrefix: string
  #sighting: Sighting | undefined

  constructor(clock: Clock, propertyPrefix: string) {
    this.#clock = clock
    this.#propertyPrefix = propertyPrefix
  }

  /** Notes a version that was loaded, or that this process committed (`isOwn`). */
  saw({ metadata: { tableUuid }, token }: TableVersion, { isOwn }: { readonly isOwn: boolean }): void {
    if (this.#sighting?.tableUuid === tableUuid && this.#sighting.token === token) return
    this.#sighting = { tableUuid, token, monotonic_ms: this.#clock.monotonic_ms(), isOwn }
  }

  /** The table's time now, if `version` is its newest. */
  now_ms(version: TableVersion): number {
    return elapsedAt(version.metadata, this.#propertyPrefix) + this.since_ms(version)
  }

  /** Time that has passed since the version was committed, for certain or by at most one step of the wall clock. */
  since_ms({ metadata, token }: TableVersion): number {
    const seen = this.#sighting
    const isSeen = seen?.tableUuid === metadata.tableUuid && seen.token === token
    const watched_ms = isSeen ? Math.max(0, Math.floor(this.#clock.monotonic_ms() - seen.monotonic_ms)) : 0
    if (isSeen && seen.isOwn) return watched_ms
    const wall_ms = Math.floor(this.#clock.now_ms()) - metadata.lastUpdated_ms
    return Math.max(watched_ms, Math.min(Math.max(wall_ms, 0), WITNESSED_STEP_MS))
  }
}
