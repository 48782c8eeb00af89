import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'

const KINDS = [
  ['data', /\.parquet$/],
  ['key_set', /\.keys$/],
  ['metadata', /\.metadata\.json$/],
  ['manifest_list', /^snap-.*\.avro$/],
  ['manifest', /\.avro$/],
]

/** Of each table that has files: how many of each kind are on disk, and the newest metadata file's size. */
export async function filesByTable(directory) {
  const root = join(directory, 'tables', 'market_data')
  const tables = {}
  for (const table of (await readdir(root)).sort()) {
    const counts = {}
    let newest = { version: -1, size_bytes: 0 }
    for (const path of await filesBelow(join(root, table))) {
      const kind = KINDS.find(([, pattern]) => pattern.test(basename(path)))?.[0] ?? 'other'
      counts[kind] = (counts[kind] ?? 0) + 1
      const version = Number(/v(\d+)\.metadata\.json$/.exec(path)?.[1] ?? -1)
      if (version > newest.version) newest = { version, size_bytes: (await stat(path)).size }
    }
    if (counts.data > 0) tables[table] = { ...counts, metadata_bytes: newest.size_bytes }
  }
  return tables
}

async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}
