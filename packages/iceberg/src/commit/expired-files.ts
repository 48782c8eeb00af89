import { AssayError, DEFECT_HINT } from '@assay/core'
import { asArray, asInteger, asObject, asString, parseJson } from '../format/json.js'
import type { TableMetadata } from '../format/metadata.js'
import { WITNESSED_STEP_MS } from '../table/table-time.js'

/** Files that an expiry made unreferenced: an object in the store lists them, a table property lists those objects. */
export interface ExpiredFilesEntry {
  /** Name of the listing in the table's metadata folder. */
  readonly list: string
  /** Wall-clock time of the expiry, for people. */
  readonly since_ms: number
  /** The table's own time at the expiry, from which the grace time counts; entries of older versions lack it. */
  readonly elapsed_ms?: number
  /** Sequence number of the commit that expired. */
  readonly sequence: number
}

/** More listings than a day of clean-up at rest can leave; the oldest give way and their files become orphans. */
const ENTRIES_MAX = 200
const PATHS_MAX = 1_000_000

export function expiredFilesProperty(propertyPrefix: string): string {
  return `${propertyPrefix}trash`
}

export function expiredFilesEntries(metadata: TableMetadata, propertyPrefix: string): readonly ExpiredFilesEntry[] {
  const text = metadata.properties[expiredFilesProperty(propertyPrefix)]
  if (text === undefined) return []
  return asArray(parseJson(text), 'the property of expired files').map((value) => {
    const entry = asObject(value, 'an entry of expired files')
    return {
      list: asString(entry.list, 'list'),
      since_ms: asInteger(entry.since_ms, 'since_ms'),
      ...(entry.elapsed_ms !== undefined && { elapsed_ms: asInteger(entry.elapsed_ms, 'elapsed_ms') }),
      sequence: asInteger(entry.sequence, 'sequence'),
    }
  })
}

export function serializeExpiredFilesEntries(entries: readonly ExpiredFilesEntry[]): string {
  return JSON.stringify(entries.slice(-ENTRIES_MAX))
}

/**
 * True once the grace time is over for certain: one step of a wall clock, that the table's time may have been misled
 * by, is allowed for. An entry without a time waits until the next expiry gives it one.
 */
export function isGraceOver({ elapsed_ms }: ExpiredFilesEntry, now_ms: number, grace_ms: number): boolean {
  return elapsed_ms !== undefined && isOld(elapsed_ms, now_ms, grace_ms)
}

/** True once as much time has passed between two moments of the table's own time, one misleading step allowed for. */
export function isOld(from_ms: number, now_ms: number, age_ms: number): boolean {
  return now_ms - from_ms >= age_ms + Math.min(age_ms, WITNESSED_STEP_MS)
}

/** The content of a listing: paths as the table's metadata named them. */
export function serializeExpiredFiles(paths: readonly string[]): Uint8Array {
  if (paths.length > PATHS_MAX)
    throw new AssayError('trash_too_long', `${paths.length} files at once cannot be listed`, {
      hint: DEFECT_HINT,
    })
  return Buffer.from(JSON.stringify({ paths }))
}

export function parseExpiredFiles(bytes: Uint8Array): readonly string[] {
  const object = asObject(parseJson(Buffer.from(bytes).toString('utf8')), 'a list of expired files')
  return asArray(object.paths, 'a list of expired files').map((path) => asString(path, 'a list of expired files'))
}
