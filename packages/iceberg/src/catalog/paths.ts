import { AssayError } from '@assay/core'
import type { TableVersion } from './catalog.js'

/** Engines write a local location as a plain path, `file:/path` or `file:///path`: here it is the plain path. */
export function plain(path: string): string {
  return path.replace(/^file:(?:\/\/)?(?=\/)/, '')
}

function location(version: TableVersion): string {
  return plain(version.metadata.location).replace(/\/+$/, '')
}

/**
 * Store key of a path that metadata names: relative to where the metadata was found, so a lake that was moved
 * goes on working. Throws `path_outside_table` for a path that is not under the table's location.
 */
export function keyOfPath(version: TableVersion, path: string): string {
  const root = `${location(version)}/`
  const found = plain(path)
  if (found.startsWith(root)) return `${version.tableKey}/${found.slice(root.length)}`
  throw new AssayError(
    'path_outside_table',
    `${path} does not lie under the table's location ${version.metadata.location}`,
    {
      hint: 'tables whose files are spread over other locations cannot be read',
    },
  )
}

/** Path for metadata of a file of the table; `relative` has no leading slash. */
export function pathInTable(version: TableVersion, relative: string): string {
  return `${version.metadata.location.replace(/\/+$/, '')}/${relative}`
}
