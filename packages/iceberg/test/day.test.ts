import { describe, expect, it } from 'vitest'
import { collect, planFiles, planFold, type Table } from '../src/index.js'
import { append, keys, openWorld, putDataFile, replace } from './support.js'

const FOLDER = 'tables/test/trades/'

/** One commit a second, folding and cleaning up as the worker does. */
async function live(table: Table, clock: { advance(ms: number): void }, seconds: number): Promise<void> {
  for (let second = 1; second <= seconds; second += 1) {
    clock.advance(1_000)
    await append(table, [await putDataFile(table, { size_bytes: 20_000 })])
    if (second % 10 === 0) {
      for (const task of await planFold(table, await table.load())) {
        const folded = await putDataFile(table, { rows: task.rows, size_bytes: task.bytes })
        const outcome = await replace(
          table,
          task.files.map(({ file }) => file.path),
          [folded],
        )
        expect(outcome.kind).toBe('committed')
      }
    }
    if (second % 60 === 0) await collect(table)
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

describe('A9: hours of one commit a second', () => {
  it('leave a table that is as small as after the first', { timeout: 240_000 }, async () => {
    const { clock, table } = await openWorld()
    await live(table, clock, 1_800)
    const early = await measure(table)
    await live(table, clock, 3_300)
    const late = await measure(table)
    expect(late.snapshots).toBeLessThanOrEqual(100 + 25 + 10 * 60 + 60)
    expect(late.manifests).toBeLessThanOrEqual(40)
    expect(late.files).toBeLessThanOrEqual(80)
    expect(late.metadata_bytes).toBeLessThan(early.metadata_bytes * 1.1)
    expect(late.objects).toBeLessThan(early.objects * 1.25)
    const rows = (await planFiles(table, await table.load())).reduce((sum, { file }) => sum + file.recordCount, 0)
    expect(rows).toBe(5_100 * 10)
  })
})
