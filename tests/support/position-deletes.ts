import { quoteText } from '@assay/engine'
import { currentSnapshot, FILE_PATH_ID, keyOfPath, POSITION_ID, planFiles } from '@assay/iceberg'
import type { Lake } from '@assay/lake'
import type { TableDefinition } from '@assay/pipeline'
import { writeManifest } from '../../packages/iceberg/src/format/manifest.js'
// What only a foreign writer does: a manifest of deletes.
import { describeManifest } from '../../packages/iceberg/src/format/manifest-entries.js'
import { writeManifestList } from '../../packages/iceberg/src/format/manifest-list.js'
import { applyUpdate } from '../../packages/iceberg/src/format/update.js'
import { columnsOf } from '../../packages/iceberg/src/index.js'

/** What another engine commits to delete a row of a table's first live file by its position. */
export async function deleteRow(lake: Lake, definition: TableDefinition, position: number): Promise<void> {
  const { table } = await lake.table(definition)
  const base = await table.load()
  const [live] = await planFiles(table, base)
  if (!live) throw new Error('the table has no file')
  const session = await (await lake.engine()).session()
  const scratch = `${await lake.store.scratchDirectory()}/deletes.parquet`
  const written = await session.writeParquet({
    select: `SELECT ${quoteText(live.file.path)} AS file_path, ${position}::BIGINT AS pos`,
    path: scratch,
    fields: [
      { name: 'file_path', id: FILE_PATH_ID, type: 'VARCHAR' },
      { name: 'pos', id: POSITION_ID, type: 'BIGINT' },
    ],
  })
  await session.close()
  const key = `${base.tableKey}/data/foreign-deletes.parquet`
  await lake.store.putFile(key, scratch)
  const path = Buffer.from(live.file.path)
  const { specId, partition } = live.file
  const file = {
    content: 'position_deletes' as const,
    format: 'PARQUET',
    path: lake.store.location(key),
    specId,
    partition,
    recordCount: 1,
    size_bytes: written.size_bytes,
    lowerBounds: new Map([[FILE_PATH_ID, path]]),
    upperBounds: new Map([[FILE_PATH_ID, path]]),
    referencedDataFile: live.file.path,
  }
  const attempt = { snapshotId: 4_711n, sequenceNumber: base.metadata.lastSequenceNumber + 1 }
  const entries = [
    { status: 'added' as const, snapshotId: 4_711n, sequenceNumber: undefined, fileSequenceNumber: undefined, file },
  ]
  const target = table.target(base.metadata, specId)
  const bytes = writeManifest(target, entries, 'deletes')
  const manifest = { path: `${base.metadata.location}/metadata/foreign-m0.avro`, length_bytes: bytes.length }
  await lake.store.put(keyOfPath(base, manifest.path), bytes)
  const head = currentSnapshot(base.metadata)
  const lines = [
    ...(await table.manifests(base, head)),
    { ...describeManifest({ specId, entries }, manifest, attempt, target.columns), content: 'deletes' as const },
  ]
  const manifestList = `${base.metadata.location}/metadata/snap-foreign.avro`
  const parentId = head?.snapshotId
  await lake.store.put(
    keyOfPath(base, manifestList),
    writeManifestList(lines, { ...attempt, parentId }, columnsOf(base.metadata)),
  )
  const snapshot = {
    ...attempt,
    parentId,
    timestamp_ms: (head?.timestamp_ms ?? 0) + 1,
    manifestList,
    summary: { ...head?.summary, 'total-delete-files': '1' },
    schemaId: base.metadata.currentSchemaId,
  }
  const update = { setProperties: {}, removeProperties: [], expire: new Set<bigint>(), setRefs: {}, dropRefs: [] }
  await table.catalog.compareAndSwap(table.name, base, applyUpdate(base.metadata, { ...update, snapshot }))
}
