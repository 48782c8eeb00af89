import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemRandom } from '@assay/core'
import { openLocalStore } from '@assay/object-store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collect, commit, defaultMaintenance, planFiles, type Table } from '../src/index.js'
import { ParquetWriter, tradesDescription } from './parquet.js'
import { DUCKDB_SCRIPT, hasPython, PYICEBERG_SCRIPT, pythonWith, READER_PACKAGES, runPython } from './python-readers.js'
import { append, openWorld, replace, VirtualClock } from './support.js'

const ROWS = 100
const VENUES = ['binance', 'a/b=c é%', 'kraken']

describe.skipIf(!hasPython())('A4: other engines read our tables', () => {
  let python: string
  let folder: string
  let writer: ParquetWriter
  let table: Table
  const clock = new VirtualClock()
  let written = 0

  const appendOne = async (): Promise<string> => {
    const file = await writer.write(table, {
      from: written,
      rows: ROWS,
      day: 20_000 + (written % 3),
      venue: VENUES[written % 3] ?? '',
    })
    written += ROWS
    clock.advance(1_000)
    await append(table, [file])
    return file.path
  }

  const check = async (rows: number): Promise<void> => {
    const { metadataLocation, metadata } = await table.load()
    const sum = String((rows * (rows - 1)) / 2)
    const found = await runPython(python, PYICEBERG_SCRIPT, [metadataLocation, 'offset'])
    expect(found).toMatchObject({
      rows,
      sum,
      fields: Object.fromEntries(tradesDescription.fields.map(({ name, id }) => [name, id])),
      snapshots: metadata.snapshots.length,
    })
    expect(await runPython(python, DUCKDB_SCRIPT, [metadataLocation, 'offset'])).toEqual({ rows, sum })
  }

  beforeAll(async () => {
    python = await pythonWith(READER_PACKAGES)
    folder = await mkdtemp(path.join(tmpdir(), 'iceberg-readers-'))
    writer = await ParquetWriter.open()
    const store = await openLocalStore(folder, { random: systemRandom })
    const maintenance = { ...defaultMaintenance, snapshotsToKeep: 10, snapshotsToExpire: 5 }
    table = (await openWorld({ store, clock, description: tradesDescription, maintenance })).table
  })

  afterAll(async () => {
    writer?.close()
    if (folder) await rm(folder, { recursive: true, force: true })
  })

  it('after single appends, and with partitions whose values need escaping', async () => {
    for (let i = 0; i < 3; i += 1) await appendOne()
    await check(3 * ROWS)
    const { metadataLocation } = await table.load()
    const found = (await runPython(python, PYICEBERG_SCRIPT, [metadataLocation, 'price'])) as {
      sum: string
      partitions: string[]
    }
    expect(Number(found.sum)).toBe(1.25 * ((300 * 299) / 2))
  })

  it('after a commit that lost a race and was retried', async () => {
    const file = await writer.write(table, { from: written, rows: ROWS, day: 20_001, venue: 'kraken' })
    written += ROWS
    let races = 0
    const intruder = (await openWorld({ store: table.store, clock, seed: 77, description: tradesDescription })).table
    const intruded = await writer.write(intruder, { from: written, rows: ROWS, day: 20_002, venue: 'kraken' })
    written += ROWS
    const swap = table.catalog.compareAndSwap.bind(table.catalog)
    table.catalog.compareAndSwap = async (...args) => {
      races += 1
      if (races === 1) await append(intruder, [intruded])
      return swap(...args)
    }
    await append(table, [file])
    expect(races).toBe(2)
    await check(written)
  })

  it('after merging, compacting, expiry and clean-up', async () => {
    for (let i = 0; i < 20; i += 1) await appendOne()
    const binance = (await planFiles(table, await table.load())).filter(({ file }) => file.partition[1] === 'binance')
    expect(binance.length).toBeGreaterThan(2)
    const compacted = []
    for (const { file } of binance) {
      const from = Number(Buffer.from(file.lowerBounds?.get(4) ?? []).readBigInt64LE(0))
      compacted.push(
        await writer.write(table, { from, rows: ROWS, day: file.partition[0] as number, venue: 'binance' }),
      )
    }
    const outcome = await replace(
      table,
      binance.map(({ file }) => file.path),
      compacted,
    )
    expect(outcome.kind).toBe('committed')
    await check(written)
    clock.advance(11 * 60_000)
    for (let i = 0; i < 20; i += 1) await appendOne()
    clock.advance(11 * 60_000)
    for (let i = 0; i < 20; i += 1) await appendOne()
    clock.advance(16 * 60_000)
    const collected = await collect(table)
    expect(collected.files.length).toBeGreaterThan(binance.length)
    expect((await table.load()).metadata.snapshots.length).toBeLessThan(40)
    await check(written)
  })

  it('after a commit without files', async () => {
    const outcome = await commit(table, {
      prepare: () => ({
        kind: 'proceed',
        change: { operation: 'append', setProperties: { 'assay.checkpoint': '{"a":1}' } },
      }),
    })
    expect(outcome.kind).toBe('committed')
    await check(written)
    const { metadataLocation } = await table.load()
    expect(await runPython(python, PYICEBERG_SCRIPT, [metadataLocation, 'offset'])).toMatchObject({
      properties: { 'assay.checkpoint': '{"a":1}' },
    })
  })
})
