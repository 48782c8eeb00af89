import { countDeadLetters, runRetention } from '@assay/operations'
import { dateText, dayOfDate, kafkaDay, timestampLiteral } from '@assay/pipeline'
import { parseAsOf } from '@assay/query'
import { describe, expect, it } from 'vitest'
import { parseSince, parseTime } from '../services/cli/src/parse/times.js'
import { produceBinance, WRONG_RULES } from './support/dead-letters.js'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { memoryLake } from './support/memory-lake.js'
import { query } from './support/tables.js'
import { VirtualClock } from './support/virtual-clock.js'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const YEAR = 2026

/** When the clocks here change in the year. */
function clockChanges(): number[] {
  const changes: number[] = []
  const offset = (time_ms: number): number => new Date(time_ms).getTimezoneOffset()
  for (let time_ms = Date.UTC(YEAR, 0, 1); time_ms < Date.UTC(YEAR + 1, 0, 1); time_ms += 30 * MINUTE_MS) {
    if (offset(time_ms) !== offset(time_ms - 1)) changes.push(time_ms)
  }
  return changes
}

const CHANGES = clockChanges()

/** Times every quarter of an hour from a while before each change of the clocks until as long after it. */
function around(within_ms: number): number[] {
  return CHANGES.flatMap((change_ms) =>
    Array.from(
      { length: (2 * within_ms) / (15 * MINUTE_MS) + 1 },
      (_, i) => change_ms - within_ms + i * 15 * MINUTE_MS,
    ),
  )
}

const iso = (time_ms: number): string => new Date(time_ms).toISOString()

describe('T26: a zone whose clocks change', () => {
  it('is the one that these tests run in', () => {
    expect(CHANGES, 'run the unit tier with TZ set to such a zone, or not set at all').toHaveLength(2)
  })

  it('days are UTC’s, and so are times that are written without a zone', () => {
    for (const time_ms of around(12 * HOUR_MS)) {
      const day = Math.floor(time_ms / DAY_MS)
      const [text, date] = [iso(time_ms).slice(0, 19), iso(time_ms).slice(0, 10)]
      expect([kafkaDay(time_ms), dateText(day), dayOfDate(date)]).toEqual([day, date, day])
      for (const told of [text, text.replace('T', ' '), `${text}Z`, `${text}+00:00`])
        expect(parseAsOf(told)).toEqual({ kind: 'time', time_ms })
      expect(parseAsOf(date)).toEqual({ kind: 'time', time_ms: day * DAY_MS })
      expect(parseSince(date, 0)).toBe(day * DAY_MS)
      expect(parseSince('1d', time_ms)).toBe(time_ms - DAY_MS)
      expect(parseTime(`${text}Z`)).toEqual({ from_ms: time_ms, to_ms: time_ms + 1 })
      expect(parseTime(date)).toEqual({ from_ms: day * DAY_MS, to_ms: (day + 1) * DAY_MS })
    }
  })

  it('S2 G1: a time is the same instant in the engine, and rows lie in the day and hour of UTC', async () => {
    const times = around(HOUR_MS)
    const lake = memoryLake()
    await produceBinance(lake, [
      ...times.map((time, i) => ({ trade_id: i, time })),
      ...CHANGES.map((time, i) => ({ trade_id: 100 + i, time, price: '-1' })),
    ])
    await drain(lake)
    await checkInvariants(lake)
    const gold = await query(
      lake,
      `SELECT "timestamp" AS at_us, exchange_date::VARCHAR AS date, exchange_hour AS hour FROM gold_crypto_trades ORDER BY 1`,
    )
    expect(gold).toEqual(
      times.map((time_ms) => ({
        at_us: BigInt(time_ms) * 1000n,
        date: iso(time_ms).slice(0, 10),
        hour: Number(iso(time_ms).slice(11, 13)),
      })),
    )
    const [bronze] = await query(
      lake,
      'SELECT count(*) FILTER (ingestion_date <> make_date((epoch_us(kafka_timestamp) // 86400000000)::INTEGER)) AS n FROM bronze_binance_trades',
    )
    expect(bronze).toEqual({ n: 0n })
    const [literals] = await query(lake, `SELECT ${times.map((at) => `epoch_ms(${timestampLiteral(at)})`).join(', ')}`)
    expect(Object.values(literals ?? {})).toEqual(times.map(BigInt))
    const { rows } = await countDeadLetters(lake, 'hour', undefined)
    expect(rows.map(([hour]) => (hour as bigint) % (BigInt(HOUR_MS) * 1000n))).toEqual([0n])
    await lake.close()
  })

  it('D5: thirty days in the queue are thirty times twenty-four hours, also where the clocks change meanwhile', async () => {
    // The change that takes time from the local day.
    const change_ms = CHANGES.find((at) => new Date(at).getTimezoneOffset() < new Date(at - 1).getTimezoneOffset())
    const lake = memoryLake({ clock: new VirtualClock((change_ms ?? 0) - 10 * DAY_MS) })
    await produceBinance(lake, [{ trade_id: 1, price: '500' }])
    await drain(lake, { layers: ['bronze', 'silver'], rules: WRONG_RULES })
    lake.clock.advance(30 * DAY_MS - 10 * MINUTE_MS)
    for (const dryRun of [true, false]) expect(await runRetention(lake, dryRun)).toEqual({ archived: 0, purged: 0 })
    lake.clock.advance(20 * MINUTE_MS)
    for (const dryRun of [true, false]) expect(await runRetention(lake, dryRun)).toEqual({ archived: 1, purged: 0 })
    await lake.close()
  })
})
