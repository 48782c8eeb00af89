import { describe, expect, it } from 'vitest'
import { collect, planCompaction, planFiles, type Table } from '../src/index.js'
import { append, keys, openWorld, putDataFile, replace } from './support.js'

/** Slower than the promise's second, so that four hours fit a test: all limits are counts or times. */
const PACE_S = 3
const FOLDER = 'tables/test/trades/'

/** Commits at a steady pace, compacting and cleaning up as the worker does. */
async function live(table: Table, clock: { advance(ms: number): void }, commits: number): Promise<void> {
  for (let count = 1; count <= commits; count += 1) {
    clock.advance(PACE_S * 1_000)
    await append(table, [await putDataFile(table, { size_bytes: 20_000 })])
    if (count % 10 === 0) {
      for (const task of await planCompaction(table, await table.load())) {
        const compacted = await putDataFile(table, { rows: task.rows, size_bytes: task.bytes })
        const outcome = await replace(
          table,
          task.files.map(({ file }) => file.path),
          [compacted],
        )
        expect(outcome.kind).toBe('committed')
      }
    }
    if (count % 20 === 0) await collect(table)
  }
}

async function measure(
  table: Table,
): Promise<{ files: number; manifests: number; snapshots: number; objects: number; metadata_bytes: number }> {
  const version = await table.load()
  const files = await planFiles(table, version)
  const manifests = await table.manifests(version, version.metadata.snapshots.at(-1))
  const found = await keys(table.store, FOLDER)
  const metadata_bytes = (await table.store.size_bytes(`${FOLDER}metadata/v${version.token}.metadata.json`)) ?? 0
  return {
    files: files.length,
    manifests: manifests.length,
    snapshots: version.metadata.snapshots.length,
    objects: found.length,
    metadata_bytes,
  }
}

describe('A9: four hours of steady commits', () => {
  it('leave a table that is as small as after the first', { timeout: 240_000 }, async () => {
    const { clock, table } = await openWorld()
    await live(table, clock, 1_500)
    const early = await measure(table)
    await live(table, clock, 3_600)
    const late = await measure(table)
    expect(late.snapshots).toBeLessThanOrEqual(100 + 25 + (10 * 60) / PACE_S)
    expect(late.manifests).toBeLessThanOrEqual(40)
    expect(late.files).toBeLessThanOrEqual(80)
    expect(late.metadata_bytes).toBeLessThan(early.metadata_bytes * 1.1)
    expect(late.objects).toBeLessThan(early.objects * 1.25)
    const rows = (await planFiles(table, await table.load())).reduce((sum, { file }) => sum + file.recordCount, 0)
    expect(rows).toBe(5_100 * 10)
  })
})
