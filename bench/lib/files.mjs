import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'

/** @type {readonly (readonly [string, RegExp])[]} */
const KINDS = [
  ['data', /\.parquet$/],
  ['key_set', /\.keys$/],
  ['metadata', /\.metadata\.json$/],
  ['manifest_list', /^snap-.*\.avro$/],
  ['manifest', /\.avro$/],
]

/**
 * Of each table that has rows: files that its newest snapshot reads and their bytes, files of each kind on disk, and the size of its
 * newest metadata file.
 * @returns {Promise<Record<string, any>>}
 */
export async function filesByTable(directory) {
  const root = join(directory, 'tables', 'market_data')
  const tables = {}
  for (const table of (await readdir(root).catch(() => [])).sort()) {
    const on_disk = {}
    let newest = { version: -1, path: '' }
    for (const path of await filesBelow(join(root, table))) {
      const kind = KINDS.find(([, pattern]) => pattern.test(basename(path)))?.[0] ?? 'other'
      on_disk[kind] = (on_disk[kind] ?? 0) + 1
      const version = Number(/v(\d+)\.metadata\.json$/.exec(path)?.[1] ?? -1)
      if (version > newest.version) newest = { version, path }
    }
    if (!on_disk.data) continue
    const text = await readFile(newest.path, 'utf8')
    const { snapshots } = JSON.parse(text)
    const { summary } = snapshots.at(-1)
    tables[table] = {
      live: Number(summary['total-data-files']),
      live_bytes: Number(summary['total-files-size']),
      snapshots: snapshots.length,
      metadata_bytes: text.length,
      on_disk,
    }
  }
  return tables
}

async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}
