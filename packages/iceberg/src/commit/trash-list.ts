import { AssayError } from '@assay/core'
import { asArray, asInteger, asObject, asString, parseJson } from '../format/json.js'
import type { TableMetadata } from '../format/metadata.js'

/** Files that an expiry made unreferenced: an object in the store lists them, a table property lists those objects. */
export interface TrashEntry {
  /** Name of the listing in the table's metadata folder. */
  readonly list: string
  /** Time of the expiry; the grace time counts from here. */
  readonly since_ms: number
  /** Sequence number of the commit that expired. */
  readonly sequence: number
}

/** More listings than a day of clean-up at rest can leave; the oldest give way and their files become orphans. */
const ENTRIES_MAX = 200
const PATHS_MAX = 1_000_000

export function trashProperty(propertyPrefix: string): string {
  return `${propertyPrefix}trash`
}

export function trashEntries(metadata: TableMetadata, propertyPrefix: string): readonly TrashEntry[] {
  const text = metadata.properties[trashProperty(propertyPrefix)]
  if (text === undefined) return []
  return asArray(parseJson(text), 'the trash property').map((value) => {
    const entry = asObject(value, 'a trash entry')
    return {
      list: asString(entry.list, 'list'),
      since_ms: asInteger(entry.since_ms, 'since_ms'),
      sequence: asInteger(entry.sequence, 'sequence'),
    }
  })
}

export function serializeTrashEntries(entries: readonly TrashEntry[]): string {
  return JSON.stringify(entries.slice(-ENTRIES_MAX))
}

/** The content of a listing: paths as the table's metadata named them. */
export function serializeTrashList(paths: readonly string[]): Uint8Array {
  if (paths.length > PATHS_MAX) throw new AssayError('trash_too_long', `${paths.length} files at once cannot be listed`)
  return Buffer.from(JSON.stringify({ paths }))
}

export function parseTrashList(bytes: Uint8Array): readonly string[] {
  const object = asObject(parseJson(Buffer.from(bytes).toString('utf8')), 'a trash list')
  return asArray(object.paths, 'a trash list').map((path) => asString(path, 'a trash list'))
}
