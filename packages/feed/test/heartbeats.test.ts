import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { compileColumnDecoder, decodedField, newDecodedColumns } from '@assay/avro'
import { AssayError, type Clock, rowBytes, systemClock } from '@assay/core'
import { exchangeNamed, HEARTBEATS } from '@assay/exchanges'
import { WIRE_HEADER_BYTES } from '@assay/schema-registry'
import { afterEach, describe, expect, test } from 'vitest'
import { memoryTarget, recordsOf, SleepingClock } from '../../../tests/support/parts.js'
import { type FeedEvent, feedEventLine, runFeed, runLiveFeed } from '../src/index.js'
import { LiveServer } from './live-server.js'

const binance = exchangeNamed('binance')
const kraken = exchangeNamed('kraken')
const LINES = kraken.samples.flatMap((url) => readFileSync(url, 'utf8').trimEnd().split('\n')).slice(0, 3)
const SIGN = '{"channel":"heartbeat"}'

/** Waits twenty times as fast as it says, and counts time so: a second of quiet is over soon. */
const hasty: Clock = {
  now_ms: () => systemClock.now_ms(),
  monotonic_ms: () => systemClock.monotonic_ms() * 20,
  sleep: (ms, signal) => systemClock.sleep(ms / 20, signal),
}

/** Lets what was begun be done between two sleeps. */
class PatientClock extends SleepingClock {
  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await setImmediate()
    await super.sleep(ms, signal)
  }
}

const open: { stop: AbortController; ended: Promise<void>; server: LiveServer }[] = []
afterEach(async () => {
  for (const { stop, ended, server } of open.splice(0)) {
    stop.abort()
    await ended.catch(() => undefined)
    await server.close()
  }
})

type Target = ReturnType<typeof memoryTarget>

function follow(server: LiveServer, target: Target): FeedEvent[] {
  const events: FeedEvent[] = []
  const stop = new AbortController()
  const exchanges = [server.standsFor(kraken, { silence_ms: 60_000 })]
  const options = { symbols: new Map(), onEvent: (event: FeedEvent) => events.push(event) }
  open.push({ stop, server, ended: runLiveFeed({ ...target, clock: hasty, exchanges }, options, stop.signal) })
  return events
}

async function until(what: string, isDone: () => boolean | Promise<boolean>): Promise<void> {
  const deadline_ms = performance.now() + 30_000
  while (!(await isDone())) {
    if (performance.now() > deadline_ms) throw new Error(`waited in vain until ${what}`)
    await systemClock.sleep(5)
  }
}

async function heartbeatsIn({ log }: Target) {
  const { schema, topic } = HEARTBEATS
  if ((await log.lanes(topic)).length === 0) return []
  const decoder = compileColumnDecoder(schema, schema)
  return (await recordsOf(log, topic)).flatMap(({ keys, values, timestamps_ms, count }) => {
    const decoded = newDecodedColumns(schema, values.data, count)
    const text = (name: string, i: number): string | null => {
      const { starts, ends, nulls } = decodedField(decoded, name, 'span')
      return nulls[i] ? null : Buffer.from(decoded.source.subarray(starts[i], ends[i])).toString()
    }
    return Array.from({ length: count }, (_, i) => {
      const from = (values.offsets[i] as number) + WIRE_HEADER_BYTES
      expect(decoder.decode(values.data, from, values.offsets[i + 1] as number, i, decoded)).toBe(true)
      return {
        key: String(Buffer.from(rowBytes(keys, i) ?? [])),
        time_ms: Number(timestamps_ms[i]),
        connection: text('connection_id', i),
        hash: text('subscriptions_hash', i),
        subscriptions: text('subscriptions', i),
        offsets: text('offsets', i),
        feed_us: decodedField(decoded, 'feed_time_us', 'long').data[i] as bigint,
      }
    })
  })
}

describe('heartbeats', () => {
  test('a quiet connection says that it listens, and behind what; one that is lost says nothing', async () => {
    const server = await LiveServer.open((client) => {
      for (const line of LINES) client.send(line)
      client.send(SIGN)
    })
    const target = memoryTarget(hasty)
    const events = follow(server, target)
    await until('there are three', async () => (await heartbeatsIn(target)).length >= 3)
    await server.close()
    const lost = () => events.filter(({ kind }) => kind === 'disconnected').length
    await until('the connection is lost', () => lost() > 0)
    const found = await heartbeatsIn(target)
    await until('another was tried for twice', () => lost() > 2)
    expect(await heartbeatsIn(target)).toHaveLength(found.length)

    const [first, ...rest] = found
    expect(first).toMatchObject({ key: 'kraken', subscriptions: '["BTC/USD","ETH/USD"]', offsets: '[3]' })
    expect(first?.hash).toMatch(/^[0-9a-f]{16}$/)
    for (const one of rest)
      expect(one).toMatchObject({ ...first, subscriptions: null, time_ms: one.time_ms, feed_us: one.feed_us })
    for (const { time_ms, feed_us } of found) expect(feed_us).toBe(BigInt(time_ms) * 1000n)

    await server.reopen((client) => client.send(SIGN))
    await until('the next connection listens', async () => (await heartbeatsIn(target)).length > found.length)
    const next = (await heartbeatsIn(target))[found.length]
    expect(next).toMatchObject({ subscriptions: first?.subscriptions, hash: first?.hash })
    expect(next?.connection).not.toBe(first?.connection)
  })

  test('a log that takes none of them stops no trade, and is told of once', async () => {
    let clients = 0
    const server = await LiveServer.open((client) => {
      clients++
      client.send(LINES[0] ?? '')
    })
    const target = memoryTarget(hasty)
    const ensureTopic = target.log.ensureTopic.bind(target.log)
    let tries = 0
    target.log.ensureTopic = async (topic, partitions) => {
      if (topic !== HEARTBEATS.topic) return ensureTopic(topic, partitions)
      tries++
      throw new AssayError('kafka_denied', 'not allowed to make topics', { hint: 'ask' })
    }
    const events = follow(server, target)
    await until('it was tried twice', () => tries >= 2)
    for (const client of server.clients) client.send(LINES[1] ?? '')
    await until('the next trade is in the log', async () => (await target.log.lanes(kraken.topic))[0]?.end === 2n)
    const told = events.filter(({ kind }) => kind === 'heartbeats_failed')
    expect(told).toHaveLength(1)
    expect(told.map(feedEventLine)).toMatchObject([
      { level: 'warn', message: 'no heartbeats are written, trades are: not allowed to make topics' },
    ])
    expect(clients).toBe(1)
  })

  test('a simulated feed writes them between trades, and none while trades come every second', async () => {
    for (const [rate, least, most] of [
      [0.1, 40, 60],
      [binance.simulated.events_per_second, 0, 0],
    ] as const) {
      const clock = new PatientClock()
      const target = memoryTarget(clock)
      const stop = new AbortController()
      clock.at = { time_ms: clock.now + 60_000, act: () => stop.abort() }
      await runFeed({ ...target, exchanges: [binance] }, 'simulated', () => undefined, stop.signal, { rate })
      const found = await heartbeatsIn(target)
      expect(found.length).toBeGreaterThanOrEqual(least)
      expect(found.length).toBeLessThanOrEqual(most)
      const [trades] = await recordsOf(target.log, binance.topic)
      for (const { time_ms, offsets } of found) {
        const before = [...(trades?.timestamps_ms ?? [])].filter((at) => at <= BigInt(time_ms)).length
        expect(Number(JSON.parse(offsets ?? '')[0])).toBeGreaterThanOrEqual(before)
      }
    }
  })
})
