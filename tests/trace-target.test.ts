import { parseTraceTarget, type TableRows, type TracedRecord, traceTarget } from '@assay/audit'
import { laneKey, parseLaneKey } from '@assay/core'
import { runReplay } from '@assay/operations'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { drain } from './support/drain.js'
import { binance, kraken, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { binanceRecord, keyFor, krakenRecord, produce, registerSchema, START_MS } from './support/records.js'
import { query } from './support/tables.js'

const LANE = laneKey({ topic: binance.topic, partition: 0 })
const OTHER_LANE = laneKey({ topic: binance.topic, partition: 1 })

let lake: MemoryLake

beforeAll(async () => {
  lake = memoryLake({ exchanges: [binance, kraken] })
  const id = await registerSchema(lake, binance)
  const trade = (partition: number, symbol: string, trade_id: number, price = '100.5') =>
    binanceRecord(binance, id, { trade_id, symbol, price }, { key: keyFor(partition, 2) })
  await produce(lake, binance, [trade(0, 'BTCUSDT', 1), trade(0, 'ETHUSDT', 1), trade(0, 'BTCUSDT', 2, '-7')], 2)
  await produce(
    lake,
    binance,
    [{ key: keyFor(0, 2), value: Buffer.from('no frame'), timestamp_ms: BigInt(START_MS) }],
    2,
  )
  await drain(lake)
  await produce(lake, binance, [trade(1, 'BTCUSDT', 1, '8')], 2)
  const krakenId = await registerSchema(lake, kraken)
  await produce(lake, kraken, [krakenRecord(kraken, krakenId, { timestamp: `${START_MS / 1000 + 7200}.000001` })])
  await drain(lake)
}, 60_000)

afterAll(() => lake.close())

async function trace(text: string, exchange?: string): Promise<readonly TracedRecord[]> {
  return (await traceTarget(lake, parseTraceTarget(text), exchange)).records
}

function cells({ columns, rows }: TableRows, ...names: readonly string[]): unknown[][] {
  return rows.map((row) => names.map((name) => row[columns.findIndex((column) => column.name === name)]))
}

describe('trace', () => {
  it('A5: by trade id, for every pair that has it, with its bytes decoded and what was dropped in its favour', async () => {
    const found = await trace('BINANCE-1')
    expect(found.map(({ coordinate }) => coordinate)).toEqual([`${LANE}/0`, `${LANE}/1`])
    const [btc] = found
    expect(btc?.record).toMatchObject({ schema_id: 1, fields: { symbol: 'BTCUSDT', trade_id: 1n, price: '100.5' } })
    expect(
      btc && [btc.bronze, btc.silver, btc.gold].map((part) => cells(part, 'topic', 'partition', 'offset')),
    ).toEqual(Array.from({ length: 3 }, () => [[binance.topic, 0, 0n]]))
    expect(btc && cells(btc.dropped, 'partition', 'offset', 'is_conflict')).toEqual([[1, 0n, true]])
    expect(await trace('1', 'binance')).toHaveLength(2)
    expect(await trace('BINANCE-1', 'kraken')).toEqual([])
  })

  it('A5: opens only files whose bounds admit the record, also for a trade of two pairs', async () => {
    const opened = vi.spyOn(lake.store, 'localPath')
    const openedBy = async (text: string) => {
      opened.mockClear()
      await trace(text)
      const keys = opened.mock.calls.map(([key]) => key)
      return [...new Set(keys.filter((key) => /(bronze|silver)_/.test(key)))].sort()
    }
    const one = await openedBy(`${LANE}/0`)
    const other = await openedBy(`${OTHER_LANE}/0`)
    expect([one.length, other.length, new Set([...one, ...other]).size]).toEqual([2, 2, 4])
    expect(await openedBy('BINANCE-1')).toEqual(one)
    opened.mockRestore()
  })

  it('A5: by message id and by coordinate the same record, the kept row of a duplicate with it', async () => {
    const [row] = await query(lake, `SELECT message_id FROM silver_binance_trades WHERE "partition" = 1`)
    const [byId] = await trace(String(row?.message_id))
    const [byCoordinates] = await trace(`${OTHER_LANE}/0`)
    expect(byId).toEqual(byCoordinates)
    expect(byId?.gold.rows).toEqual([])
    expect(byId && cells(byId.duplicate, 'kept_partition', 'kept_offset')).toEqual([[0, 0n]])
    expect(byId && cells(byId.kept, 'trade_id', 'price')).toEqual([['BINANCE-1', '100.5000000000']])
  })

  it('A5: an id without a number by the hour that it holds', async () => {
    const [row] = await query(lake, 'SELECT trade_id FROM silver_kraken_trades')
    const { records, looked } = await traceTarget(lake, parseTraceTarget(String(row?.trade_id)))
    expect(records.map(({ exchange }) => exchange)).toEqual(['kraken'])
    expect(looked).toEqual(['gold_crypto_trades: 1 of 2 files of its hour'])
  })

  it('S5: a dead letter with its reason, whether or not it can be decoded', async () => {
    const [dear] = await trace(`${LANE}/2`)
    expect(dear && cells(dear.dead_letter, 'error_reason')).toEqual([['price_must_be_positive']])
    expect(dear?.record?.fields).toMatchObject({ price: '-7' })
    const [garbled] = await trace(`${LANE}/3`)
    expect(garbled?.record).toEqual({ schema_id: null, why: 'it begins with 6e, a frame with 00' })
    expect(garbled && cells(garbled.dead_letter, 'error_reason')).toEqual([['malformed_wire_frame']])
  })

  it('says where it looked for what nobody knows', async () => {
    for (const [text, where] of [
      ['BINANCE-77', 'gold_crypto_trades: 0 of 2 files by its number'],
      ['never/0/7', `bronze_kraken_trades: it reads ${kraken.topic}`],
      [`${LANE}/99`, `bronze_binance_trades: ${LANE} at 99; the lane stands at 4`],
      ['who knows', 'silver_kraken_trades: 1 of 1 files'],
      ['9'.repeat(20), 'silver_kraken_trades: 1 of 1 files'],
    ] as const) {
      const { records, looked } = await traceTarget(lake, parseTraceTarget(text))
      expect([text, records]).toEqual([text, []])
      expect(looked).toContain(where)
    }
    expect(() => parseTraceTarget('7f8b0c66-3b0c-4d4c-9a52-111111111111')).toThrow(/no trade id, message id/)
  })

  it('D3: a replayed dead letter with its resolution and its replay', async () => {
    const { topic, partition } = parseLaneKey(LANE)
    const filter = { dates: { first: '2026-01-01', last: '2026-01-01' }, errorTypes: ['price_validation'] as const }
    const fix = JSON.stringify({ coordinate: `${topic}/${partition}/2`, fields: { price: '7' } })
    const request = { sourceTable: 'silver_dlq_trades', targetTable: 'silver_binance_trades', dryRun: false }
    await runReplay(lake, { ...request, filter, fix }, new AbortController().signal)
    await drain(lake)
    const [traced] = await trace(`${LANE}/2`)
    expect(traced && cells(traced.silver, 'price', 'replay_sequence')).toEqual([['7.0000000000', 0n]])
    expect(traced && cells(traced.resolutions, 'resolution')).toEqual([['replayed']])
    expect(traced?.replays.rows.length).toBeGreaterThan(0)
    expect(traced?.gold.rows).toHaveLength(1)
  })
})
