import { verifyLake } from '@assay/audit'
import { REPLAYS_TABLE } from '@assay/medallion'
import { runReplay } from '@assay/operations'
import { describe, expect, it } from 'vitest'
import { altered, rewriteFile } from './support/damage.js'
import { NEVER, produceBinance, REPLAY } from './support/dead-letters.js'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, kraken, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { krakenRecord, produce, registerSchema, START_MS } from './support/records.js'
import { query } from './support/tables.js'

const TOPIC = 'market.crypto.trades.binance.raw'

function correctionOf(...deadLetters: [offset: number, fields: object][]): string {
  return deadLetters
    .map(([offset, fields]) => JSON.stringify({ coordinate: `${TOPIC}/0/${offset}`, fields }))
    .join('\n')
}

/** Three dead letters: a price that is none, one with two mistakes, bytes that are no record. */
async function lakeWithDeadLetters(): Promise<MemoryLake> {
  const lake = memoryLake()
  await produceBinance(lake, [
    { trade_id: 1 },
    { trade_id: 2, price: 'x' },
    { trade_id: 3, price: '-1', quantity: '0' },
  ])
  await produce(lake, binance, [{ key: Buffer.from('k'), value: Buffer.from('junk'), timestamp_ms: BigInt(START_MS) }])
  await drain(lake)
  return lake
}

describe('a file of corrections', () => {
  it('D1 D3: mends a field of a record; its place, bronze and the dead letter stay as they were, the ledger has the file', async () => {
    const lake = await lakeWithDeadLetters()
    const kept = 'SELECT * FROM bronze_binance_trades ORDER BY ALL'
    const bronze = await query(lake, kept)
    const fix = correctionOf([1, { price: '12.5' }])
    expect(await runReplay(lake, { ...REPLAY, fix, dryRun: true }, NEVER)).toMatchObject({ selected: 1, passed: 1 })
    expect(await runReplay(lake, { ...REPLAY, fix }, NEVER)).toMatchObject({ selected: 1, passed: 1, still_failing: 0 })
    await drain(lake)
    await checkInvariants(lake)
    expect(await query(lake, kept)).toEqual(bronze)
    const [row] = await query(
      lake,
      'SELECT trade_id, price, quantity, "offset" FROM gold_crypto_trades WHERE replay_id IS NOT NULL',
    )
    expect(row).toEqual({ trade_id: 'BINANCE-2', price: '12.5000000000', quantity: '0.2500000000', offset: 1n })
    const [ledger] = await query(lake, 'SELECT fix FROM replays')
    expect(JSON.parse(String(ledger?.fix))).toEqual([{ coordinate: `${TOPIC}/0/1`, fields: { price: '12.5' } }])
    await lake.close()
  })

  it('D2: a dead letter that still fails stays; one that is no record is made of the correction alone', async () => {
    const lake = await lakeWithDeadLetters()
    const whole = {
      event_type: 'trade',
      event_time_ms: START_MS,
      symbol: 'BTCUSDT',
      trade_id: '9007199254740993',
      price: '1',
      quantity: '2',
      trade_time_ms: START_MS,
      is_buyer_maker: true,
      ingestion_timestamp: 5,
    }
    const fix = correctionOf([2, { price: '3' }], [3, whole])
    expect(await runReplay(lake, { ...REPLAY, fix }, NEVER)).toMatchObject({
      selected: 2,
      passed: 1,
      still_failing: 1,
      reasons: { quantity_must_be_positive: 1 },
    })
    await drain(lake)
    await checkInvariants(lake)
    expect(await query(lake, 'SELECT trade_id, side FROM gold_crypto_trades WHERE replay_id IS NOT NULL')).toEqual([
      { trade_id: 'BINANCE-9007199254740993', side: 'SELL' },
    ])
    await lake.close()
  })

  it.each([
    ['not JSON', 'no'],
    ['no field', correctionOf([1, {}])],
    ['an unknown field', correctionOf([1, { prise: '1' }])],
    ['the wrong type', correctionOf([1, { is_buyer_maker: 'yes' }])],
    ['a number that JSON does not hold', `{"coordinate":"${TOPIC}/0/1","fields":{"trade_id":9007199254740993}}`],
    ['a dead letter twice', correctionOf([1, { price: '1' }], [1, { price: '2' }])],
    ['a record that is no dead letter', correctionOf([1, { price: '1' }], [0, { price: '1' }])],
    ['a record without all its fields', correctionOf([3, { price: '1' }])],
    ['nothing', '\n'],
  ])('D4: %s: refused as a whole before anything is written', async (_, fix) => {
    const lake = await lakeWithDeadLetters()
    const writes = await lakeKeys(lake)
    await expect(runReplay(lake, { ...REPLAY, fix }, NEVER)).rejects.toMatchObject({ code: 'bad_fix_file' })
    expect(await lakeKeys(lake)).toEqual(writes)
    await lake.close()
  })

  it('S2 D3: verify corrects the bytes again, and names the place where silver or the ledger was changed', async () => {
    const lake = await lakeWithDeadLetters()
    await runReplay(lake, { ...REPLAY, fix: correctionOf([1, { price: '12.5' }]) }, NEVER)
    const replayed = async (): Promise<readonly string[] | undefined> => {
      const { checks } = await verifyLake(lake, { fromLog: false, signal: NEVER, onCheck: () => undefined })
      return checks.find(({ claim }) => claim.startsWith('replayed rows are'))?.found
    }
    expect(await replayed()).toEqual([])
    await rewriteFile(lake, REPLAYS_TABLE, altered('fix', `replace(fix, '12.5', '7')`, 'true'))
    expect(await replayed()).toEqual([`${TOPIC}/0/1: price is 12.5000000000, not 7.0000000000`])
    await lake.close()
  })

  it("D1: Kraken's trades without an id get the one of the corrected record", async () => {
    const lake = memoryLake({ exchanges: [kraken] })
    const id = await registerSchema(lake, kraken)
    await produce(lake, kraken, [krakenRecord(kraken, id, { price: '0' })])
    await drain(lake)
    const fix = JSON.stringify({ coordinate: 'market.crypto.trades.kraken.raw/0/0', fields: { price: '7' } })
    const target = { ...REPLAY, targetTable: 'silver_kraken_trades', fix }
    expect(await runReplay(lake, target, NEVER)).toMatchObject({ passed: 1 })
    await drain(lake)
    await checkInvariants(lake)
    expect(await query(lake, 'SELECT price FROM gold_crypto_trades')).toEqual([{ price: '7.0000000000' }])
    await lake.close()
  })
})

async function lakeKeys(lake: MemoryLake): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of lake.store.list('')) keys.push(key)
  return keys.sort()
}
