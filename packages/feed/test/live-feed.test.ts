import { readFileSync } from 'node:fs'
import { compileColumnDecoder, decodedField, newDecodedColumns } from '@assay/avro'
import { type Clock, OutageError, systemClock } from '@assay/core'
import { type Exchange, exchangeNamed } from '@assay/exchanges'
import { WIRE_HEADER_BYTES } from '@assay/schema-registry'
import { afterEach, describe, expect, test } from 'vitest'
import { memoryTarget, recordsOf } from '../../../tests/support/parts.js'
import { type FeedEvent, feedEventLine, runLiveFeed } from '../src/index.js'
import { LiveServer } from './live-server.js'

const binance = exchangeNamed('binance')
const kraken = exchangeNamed('kraken')
const BINANCE_LINES = linesOf(binance)
const KRAKEN_LINES = linesOf(kraken)

function linesOf({ samples }: Exchange): string[] {
  return samples.flatMap((url) => readFileSync(url, 'utf8').trimEnd().split('\n'))
}

/** Waits twenty times as fast as it says, so that pauses between attempts cost a test nothing. */
const hasty: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 20, signal) }

type Target = ReturnType<typeof memoryTarget>

const open: { stop: AbortController; ended: Promise<void>; server: LiveServer }[] = []
afterEach(async () => {
  for (const { stop, ended, server } of open.splice(0)) {
    stop.abort()
    await ended.catch(() => undefined)
    await server.close()
  }
})

interface Running {
  readonly target: Target
  readonly events: FeedEvent[]
  readonly stop: AbortController
  readonly ended: Promise<void>
  sum(field: 'messages' | 'records' | 'refused'): number
}

function follow(
  server: LiveServer,
  exchange: Exchange,
  symbols: readonly string[] = [],
  target = memoryTarget(hasty),
): Running {
  const events: FeedEvent[] = []
  const stop = new AbortController()
  const options = {
    symbols: new Map(symbols.length > 0 ? [[exchange.name, symbols]] : []),
    onEvent: (event: FeedEvent) => events.push(event),
  }
  const ended = runLiveFeed({ ...target, clock: hasty, exchanges: [exchange] }, options, stop.signal)
  open.push({ stop, ended, server })
  const sum = (field: 'messages' | 'records' | 'refused'): number =>
    events.reduce((total, event) => total + (event.kind === 'progress' ? event[field] : 0), 0)
  return { target, events, stop, ended, sum }
}

async function until(what: string, isDone: () => boolean | Promise<boolean>): Promise<void> {
  const deadline_ms = performance.now() + 30_000
  while (!(await isDone())) {
    if (performance.now() > deadline_ms) throw new Error(`waited in vain until ${what}`)
    await systemClock.sleep(5)
  }
}

/** Trade ids of all records of an exchange in the log, in order. */
async function idsOf(target: Target, { schema, topic }: Exchange): Promise<bigint[]> {
  const decoder = compileColumnDecoder(schema, schema)
  const ids: bigint[] = []
  for (const { values, count } of await recordsOf(target.log, topic)) {
    const decoded = newDecodedColumns(schema, values.data, count)
    const { data } = decodedField(decoded, 'trade_id', 'long')
    for (let i = 0; i < count; i++) {
      const body = (values.offsets[i] as number) + WIRE_HEADER_BYTES
      expect(decoder.decode(values.data, body, values.offsets[i + 1] as number, i, decoded)).toBe(true)
      ids.push(data[i] as bigint)
    }
  }
  return ids
}

const idOf = (line: string): bigint => BigInt(/"t(?:rade_id)?":(\d+)/.exec(line)?.[1] ?? -1)
const sorted = (ids: readonly bigint[]): bigint[] => [...new Set(ids)].sort((a, b) => (a < b ? -1 : 1))

describe("an exchange's own feed", () => {
  test('A1: every trade that was sent is in the log, whatever the connection went through', async () => {
    const sent: bigint[] = []
    const lines = KRAKEN_LINES.slice(0, 60)
    // Each connection goes on where the last one ended, and ends in another way.
    const server = await LiveServer.open((client, connection) => {
      const send = (line: string): void => {
        sent.push(idOf(line))
        client.send(line)
      }
      client.send('{"channel":"status","type":"update","data":[{"system":"online"}]}')
      for (const line of lines.slice((connection - 1) * 10, connection * 10)) send(line)
      if (connection === 1) client.close(1001, 'going away')
      if (connection === 2) client.terminate()
      if (connection === 3) return // silence
      if (connection === 4) client.send('{"channel":"trade","data":"rubbish"}\u0007')
      if (connection === 4) client.send('no json')
      if (connection === 4) client.close()
      if (connection === 5) client.send('x'.repeat(5 * 2 ** 20))
      if (connection === 6) for (const line of lines.slice(0, 50)) send(line)
    })
    const running = follow(server, server.standsFor(kraken), ['BTC/USDT'])
    await until('all is in the log', async () => new Set(await idsOf(running.target, kraken)).size === 60)
    await until('the snapshot is, too', () => running.sum('records') === 110)
    expect(sorted(await idsOf(running.target, kraken))).toEqual(sorted(sent))
    expect(running.sum('refused')).toBe(2)
    const line = running.events.map(feedEventLine).find((one) => one?.message.startsWith('not understood'))
    expect(line?.fields).toMatchObject({
      exchange: 'kraken',
      text: '"{\\"channel\\":\\"trade\\",\\"data\\":\\"rubbish\\"}\\u0007"',
    })
    const reasons = running.events.flatMap((event) => (event.kind === 'disconnected' ? [event.reason] : []))
    expect(reasons[0]).toBe('closed with code 1001: going away')
    expect(reasons[2]).toBe('silent for 0.3 s')
    expect(reasons[4]).toContain('Max payload size exceeded')
    expect(running.events.filter(({ kind }) => kind === 'connected')).toHaveLength(6)
    expect(JSON.parse(server.received[0] ?? '')).toEqual({
      method: 'subscribe',
      params: { channel: 'trade', symbol: ['BTC/USDT'], snapshot: true },
    })
  })

  test('an exchange that is away is tried again with growing pauses, and the outage is counted', async () => {
    const server = await LiveServer.open(() => undefined)
    await server.close()
    const began_ms = performance.now()
    const running = follow(server, server.standsFor(binance))
    const failures = () => running.events.filter((event) => event.kind === 'disconnected')
    await until('it was tried four times', () => failures().length === 4)
    await server.reopen((client) => client.send(BINANCE_LINES[0] ?? ''))
    await until('the trade is in the log', () => running.sum('records') === 1)
    const pauses = failures().map((event) => event.retry_ms)
    expect(pauses.slice(0, 4).every((ms, i) => ms >= 500 * 2 ** i && ms <= 1000 * 2 ** i)).toBe(true)
    const outage = running.events.reduce(
      (sum, event) => sum + ('outage_seconds' in event ? event.outage_seconds : 0),
      0,
    )
    expect(outage).toBeGreaterThan(0.3)
    expect(outage).toBeLessThanOrEqual((performance.now() - began_ms) / 1_000)
  })

  test('S2: records are stamped with the clock, each Kraken trade with an ingestion time of its own', async () => {
    const server = await LiveServer.open((client) => {
      for (const line of KRAKEN_LINES.slice(0, 50)) client.send(line)
    })
    const before = Date.now()
    const running = follow(server, server.standsFor(kraken))
    await until('all is in the log', () => running.sum('records') === 50)
    const batches = await recordsOf(running.target.log, kraken.topic)
    for (const { timestamps_ms, count } of batches) {
      for (const at of timestamps_ms.subarray(0, count)) {
        expect(Number(at)).toBeGreaterThanOrEqual(before)
        expect(Number(at)).toBeLessThanOrEqual(Date.now())
      }
    }
    const values = batches.flatMap(({ values: { data, offsets }, count }) =>
      Array.from({ length: count }, (_, i) => Buffer.from(data.subarray(offsets[i], offsets[i + 1])).toString('hex')),
    )
    expect(new Set(values).size).toBe(50)
  })

  test('A6: while the log is away reading stops, and nothing that was read is lost', async () => {
    const target = memoryTarget(hasty)
    const produce = target.log.produce.bind(target.log)
    let isAway = true
    target.log.produce = async (topic, batch) => {
      if (isAway) throw new OutageError('log_unavailable', 'the log is away')
      return produce(topic, batch)
    }
    const price = '1'.repeat(16_000)
    const lines = Array.from(
      { length: 1_200 },
      (_, i) =>
        `{"e":"trade","E":1700000000000,"s":"BTCUSDT","t":${i},"p":"${price}","q":"2","T":1700000000000,"m":true,"M":true}`,
    )
    const server = await LiveServer.open((client) => {
      for (const line of lines) client.send(line)
    })
    const running = follow(server, server.standsFor(binance), [], target)
    // Some 500 of these records are the 8 MiB that may wait for the log.
    await until('reading has stopped', () => running.sum('messages') >= 500)
    await systemClock.sleep(400)
    expect(running.sum('messages')).toBeLessThan(600)
    expect(running.events.some(({ kind }) => kind === 'disconnected')).toBe(false)
    isAway = false
    await until('all is in the log', () => running.sum('records') === lines.length)
    expect(sorted(await idsOf(target, binance))).toHaveLength(lines.length)
    const buffers = running.events.flatMap((event) => (event.kind === 'progress' ? [event.buffer_bytes] : []))
    expect(Math.max(...buffers)).toBeLessThan(9 * 2 ** 20)
  })

  test('a connection is replaced before it is too old, without a moment between', async () => {
    let mostAtOnce = 0
    const server = await LiveServer.open((client, connection) => {
      mostAtOnce = Math.max(mostAtOnce, server.clients.size)
      client.send(BINANCE_LINES[connection] ?? '')
    })
    const running = follow(server, server.standsFor(binance, { lifetime_ms: 2_000 }))
    await until('there were three connections', () => running.sum('records') >= 3)
    expect(mostAtOnce).toBe(2)
    await until('only one is left', () => server.clients.size === 1)
    expect(running.events.filter(({ kind }) => kind === 'disconnected')).toEqual([])
    expect(running.events.filter(({ kind }) => kind === 'connected')).toHaveLength(1)
  })

  test.each(['ping', 'heartbeat'])('a %s is a sign of life', async (kind) => {
    const beat = (client: { ping(): void; send(text: string): void; readyState: number }): void => {
      if (client.readyState > 1) return
      if (kind === 'ping') client.ping()
      else client.send('{"channel":"heartbeat"}')
      setTimeout(() => beat(client), 20)
    }
    const server = await LiveServer.open((client) => beat(client))
    const running = follow(server, server.standsFor(kraken, { silence_ms: 300 }))
    await systemClock.sleep(900)
    expect(server.connections).toBe(1)
    expect(running.sum('refused')).toBe(0)
  })

  test('what the exchange refuses is told, and the rest goes on', async () => {
    const server = await LiveServer.open((client) => {
      client.send('{"error":"Currency pair not supported FOO/BAR","method":"subscribe","success":false}')
      client.send(KRAKEN_LINES[0] ?? '')
    })
    const running = follow(server, server.standsFor(kraken))
    await until('the trade is in the log', () => running.sum('records') === 1)
    expect(running.events).toContainEqual({
      kind: 'rejected',
      exchange: 'kraken',
      reason: 'Currency pair not supported FOO/BAR',
    })
  })

  test('A7: a stop writes what was read', async () => {
    const server = await LiveServer.open((client) => {
      for (const line of BINANCE_LINES.slice(0, 100)) client.send(line)
    })
    const target = memoryTarget(hasty)
    const produce = target.log.produce.bind(target.log)
    target.log.produce = async (topic, batch) => {
      await systemClock.sleep(40)
      return produce(topic, batch)
    }
    const running = follow(server, server.standsFor(binance), [], target)
    await until('something was read', () => server.connections === 1)
    await systemClock.sleep(20)
    running.stop.abort()
    await running.ended
    expect(await idsOf(target, binance)).toHaveLength(running.sum('messages'))
    expect(running.events.filter(({ kind }) => kind === 'given_up')).toEqual([])
  })

  test('A7: a stop while the log is away says how many records were given up', async () => {
    const server = await LiveServer.open((client) => client.send(BINANCE_LINES[0] ?? ''))
    const target = memoryTarget(hasty)
    target.log.produce = () => new Promise(() => undefined)
    const running = follow(server, server.standsFor(binance), [], target)
    await until('a message was read', () => server.connections === 1)
    await systemClock.sleep(50)
    running.stop.abort()
    await running.ended
    expect(running.events.at(-1)).toEqual({ kind: 'given_up', exchange: 'binance', records: 1 })
  })
})
