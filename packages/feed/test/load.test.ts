import { compileColumnDecoder, decodedField, newDecodedColumns } from '@assay/avro'
import { readOrigin } from '@assay/event-log'
import { exchangeNamed } from '@assay/exchanges'
import { WIRE_HEADER_BYTES } from '@assay/schema-registry'
import { describe, expect, test } from 'vitest'
import { chunksOf, memoryTarget, recordsOf, SleepingClock } from '../../../tests/support/parts.js'
import { type LoadReport, loadSources, type TimeBounds } from '../src/index.js'

const binance = exchangeNamed('binance')
const kraken = exchangeNamed('kraken')

function trade(id: number, more: Record<string, unknown> = {}): string {
  const time = 1_700_000_000_000 + id
  const fields = { e: 'trade', E: time, s: 'BTCUSDT', t: id, p: '1.5', q: '2', T: time, m: false, M: true, ...more }
  return JSON.stringify(fields)
}

function load(
  target: ReturnType<typeof memoryTarget>,
  text: string,
  options: { exchange?: typeof binance; rate?: number; signal?: AbortSignal; bounds?: Partial<TimeBounds> } = {},
): Promise<LoadReport> {
  const { exchange = binance, signal = new AbortController().signal, ...rest } = options
  const sources = [{ name: 'trades.jsonl', chunks: chunksOf(text, 100) }]
  return loadSources(target, { exchange, sources, signal, onProgress: () => undefined, ...rest })
}

describe('loading feed messages', () => {
  test('good lines are produced, bad ones told with their number and why', async () => {
    const target = memoryTarget(new SleepingClock())
    const text = [trade(1), 'nonsense', '', trade(2, { p: 3 }), '{"e":"kline","s":"X"}', trade(3)].join('\n')
    const report = await load(target, text)
    expect(report).toMatchObject({ produced: 2, refused: 2, ignored: 1, is_complete: true })
    expect(report.refusals.map(({ file, line }) => [file, line])).toEqual([
      ['trades.jsonl', 2],
      ['trades.jsonl', 4],
    ])
    expect(report.refusals[0]?.reason).toContain('nonsense')
    expect(report.refusals[1]?.reason).toContain('field p')
  })

  test('all refusals are counted, the first twenty kept', async () => {
    const report = await load(memoryTarget(new SleepingClock()), 'x\n'.repeat(30))
    expect(report.refused).toBe(30)
    expect(report.refusals.map(({ line }) => line)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
  })

  test('B1: records are Confluent frames that decode to what the line said, in the order of the lines', async () => {
    const target = memoryTarget(new SleepingClock())
    await load(target, [trade(5), trade(4), trade(6)].join('\n'))
    const [batch] = await recordsOf(target.log, binance.topic)
    if (!batch) throw new Error('nothing was produced')
    const { data, offsets } = batch.values
    const decoder = compileColumnDecoder(binance.schema, binance.schema)
    const decoded = newDecodedColumns(binance.schema, data, batch.count)
    for (let i = 0; i < batch.count; i++) {
      expect(data[offsets[i] as number]).toBe(0)
      const body = (offsets[i] as number) + WIRE_HEADER_BYTES
      expect(decoder.decode(data, body, offsets[i + 1] as number, i, decoded)).toBe(true)
    }
    expect([...decodedField(decoded, 'trade_id', 'long').data]).toEqual([5n, 4n, 6n])
  })

  test('every record says in its headers which load wrote it', async () => {
    const target = memoryTarget(new SleepingClock())
    const loads = [await load(target, trade(1)), await load(target, [trade(2), trade(3)].join('\n'))]
    const origins = (await recordsOf(target.log, binance.topic)).flatMap(({ count, headers: { data, offsets } }) =>
      Array.from({ length: count }, (_, i) => readOrigin(data, offsets[i] as number, offsets[i + 1] as number)),
    )
    const ids = loads.map(({ load_id }) => load_id)
    expect(new Set(ids).size).toBe(2)
    expect(origins).toEqual([ids[0], ids[1], ids[1]].map((id) => ({ origin: 'load', id })))
  })

  test('the Kafka timestamp is the event time rounded up to the ms', async () => {
    const target = memoryTarget(new SleepingClock())
    const at = (time: string): string =>
      `{"channel":"trade","data":[{"symbol":"BTC/USD","side":"buy","price":1.0,"qty":1.0,"ord_type":"limit","trade_id":1,"timestamp":"${time}"}]}`
    const text = [at('2025-01-01T00:00:00.000001Z'), at('2025-01-01T00:00:00.001000Z')].join('\n')
    await load(target, text, { exchange: kraken })
    const [batch] = await recordsOf(target.log, kraken.topic)
    const start = BigInt(Date.UTC(2025, 0, 1))
    expect([...(batch?.timestamps_ms ?? [])].slice(0, 2)).toEqual([start + 1n, start + 1n])
  })

  test('T16: trades outside the bounds of time are refused, each for itself, with its time and the bound', async () => {
    const at = (T: number): string => trade(1, { T })
    const first = Date.UTC(2017, 6, 14)
    const last = new SleepingClock().now + 86_400_000
    const usual = await load(memoryTarget(new SleepingClock()), [first - 1, first, last, last + 1].map(at).join('\n'))
    expect(usual.refusals.map(({ line, reason }) => [line, reason])).toEqual([
      [1, "the trade's time 2017-07-13T23:59:59.999Z is before 2017-07-14T00:00:00.000Z"],
      [4, "the trade's time 2026-05-02T00:00:00.001Z is after 2026-05-02T00:00:00.000Z"],
    ])
    const bounds = { notBefore_us: 0n, notAfter_us: BigInt(first) * 1000n }
    const own = await load(memoryTarget(new SleepingClock()), [0, first, first + 1].map(at).join('\n'), { bounds })
    expect(own).toMatchObject({ produced: 2, refused: 1, refusals: [{ line: 3 }] })
  })

  test('a record too large for the log is refused alone', async () => {
    const target = memoryTarget(new SleepingClock())
    const report = await load(target, [trade(1), trade(2, { p: '1'.repeat(1_048_300) }), trade(3)].join('\n'))
    expect(report).toMatchObject({ produced: 2, refused: 1 })
    expect(report.refusals[0]).toMatchObject({ line: 2 })
    expect(report.refusals[0]?.reason).toMatch(/bytes/)
  })

  test('a rate is kept', async () => {
    const clock = new SleepingClock()
    const started_ms = clock.now
    const target = memoryTarget(clock)
    const lines = Array.from({ length: 500 }, (_, i) => trade(i)).join('\n')
    expect(await load(target, lines, { rate: 50 })).toMatchObject({ produced: 500 })
    expect(clock.now - started_ms).toBeGreaterThan(9_500)
    expect(clock.now - started_ms).toBeLessThanOrEqual(10_000)
  })

  test('A7: an abort ends it, and it says that it is not complete', async () => {
    const clock = new SleepingClock()
    const target = memoryTarget(clock)
    const stop = new AbortController()
    clock.at = { time_ms: clock.now + 2_000, act: () => stop.abort() }
    const lines = Array.from({ length: 500 }, (_, i) => trade(i)).join('\n')
    const report = await load(target, lines, { rate: 50, signal: stop.signal })
    expect(report.is_complete).toBe(false)
    expect(report.produced).toBeGreaterThan(90)
    expect(report.produced).toBeLessThan(110)
    const [status] = await target.log.lanes(binance.topic)
    expect(status?.end).toBe(BigInt(report.produced))
  })
})
