import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { type Lake, type LakeParts, tableReport } from '@assay/lake'
import type { LakeSize, SizeOfKind } from '../judge/size.js'

type Kind = SizeOfKind['kind']

/** Folders of an embedded lake that its store does not list. */
const BESIDE: readonly (readonly [kind: Kind, folder: string])[] = [
  ['log', 'log'],
  ['scratch', '.scratch'],
]

/** The size of everything in the lake's place by what it is; undefined when the signal came first. */
export async function sizeOfLake(lake: Lake, parts: LakeParts, signal: AbortSignal): Promise<LakeSize | undefined> {
  const kinds = new Map<Kind, { files: number; size_bytes: number }>()
  const add = (kind: Kind, files: number, size_bytes: number): void => {
    const sum = kinds.get(kind) ?? { files: 0, size_bytes: 0 }
    kinds.set(kind, { files: sum.files + files, size_bytes: sum.size_bytes + size_bytes })
  }
  for (const prefix of ['tables/', 'schemas/']) {
    for await (const { key, size_bytes } of lake.store.list(prefix)) {
      if (signal.aborted) return undefined
      add(kindOf(key), 1, size_bytes)
    }
  }
  if (parts.store.kind === 'folder') {
    for (const [kind, folder] of BESIDE) {
      for await (const size_bytes of filesBelow(path.join(parts.store.directory, folder))) {
        if (signal.aborted) return undefined
        add(kind, 1, size_bytes)
      }
    }
  }
  const live = await tableReport(lake)
  const files = live.reduce((sum, table) => sum + table.files, 0)
  const rows_bytes = live.reduce((sum, table) => sum + table.size_bytes, 0)
  const all = kinds.get('earlier_rows')
  // What was committed since the listing is in the one and not in the other.
  kinds.set('rows', { files, size_bytes: rows_bytes })
  kinds.set('earlier_rows', {
    files: Math.max(0, (all?.files ?? 0) - files),
    size_bytes: Math.max(0, (all?.size_bytes ?? 0) - rows_bytes),
  })
  const found = [...kinds].map(([kind, sizes]) => ({ kind, ...sizes }))
  return { total_bytes: found.reduce((sum, { size_bytes }) => sum + size_bytes, 0), kinds: found }
}

function kindOf(key: string): Kind {
  if (key.startsWith('schemas/')) return 'schemas'
  if (key.endsWith('.parquet')) return 'earlier_rows'
  if (key.endsWith('.metadata.json')) return 'metadata'
  if (key.endsWith('.avro')) return 'manifests'
  return key.endsWith('.keys') ? 'keys' : 'other'
}

async function* filesBelow(folder: string): AsyncGenerator<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    const place = path.join(folder, entry.name)
    if (entry.isDirectory()) yield* filesBelow(place)
    else if (entry.isFile()) {
      // One that has gone meanwhile takes no space.
      const stats = await stat(place).catch(() => undefined)
      if (stats) yield stats.size
    }
  }
}
