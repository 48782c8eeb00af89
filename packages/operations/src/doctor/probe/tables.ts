import { currentSchema, FileSystemCatalog, writerOf } from '@assay/iceberg'
import { type Lake, ofTable, pinExisting } from '@assay/lake'
import type { TableFacts } from '../judge/tables.js'

const RECENT_MS = 86_400_000

/** What the metadata of each table that there is tells; `moved`: where tables say that they lie, as far as noticed. */
export async function lookAtTables(lake: Lake, moved: ReadonlyMap<string, string>): Promise<TableFacts[]> {
  const facts: TableFacts[] = []
  for (const definition of lake.definitions) {
    const { name } = definition
    const unknown = { name, lacks: [], unknown: [], ahead_ms: 0, movedFrom: null, writers: [], problem: null }
    const looked = await ofTable(definition, () => pinExisting(lake, definition))
    if ('problem' in looked) facts.push({ ...unknown, problem: looked.problem })
    else if (looked.value) {
      const { metadata } = looked.value.pinned.version
      const now_ms = lake.clock.now_ms()
      const there = currentSchema(metadata).fields.map((field) => field.name)
      const wanted = definition.columns.map((column) => column.name)
      facts.push({
        ...unknown,
        lacks: wanted.filter((column) => !there.includes(column)),
        unknown: there.filter((column) => !wanted.includes(column)),
        ahead_ms: metadata.lastUpdated_ms - now_ms,
        movedFrom: moved.get(name) ?? null,
        writers: metadata.snapshots.filter(({ timestamp_ms }) => timestamp_ms > now_ms - RECENT_MS).map(writerOf),
      })
    }
  }
  return facts
}

/** Undefined where the catalog needs no pause. */
export async function isPaused({ catalog }: Lake): Promise<boolean | undefined> {
  return catalog instanceof FileSystemCatalog ? catalog.isPaused() : undefined
}
