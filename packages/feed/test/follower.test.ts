import { setImmediate } from 'node:timers/promises'
import { type Clock, seededRandom } from '@assay/core'
import { exchangeNamed } from '@assay/exchanges'
import { describe, expect, test } from 'vitest'
import type { FeedEvent } from '../src/index.js'
import { Follower } from '../src/live/follower.js'
import type { ConnectSocket } from '../src/live/socket.js'

/** Follows an exchange whose connections live for so long each, and then end; tells what was told of it. */
async function followed(lives_ms: readonly number[]): Promise<FeedEvent[]> {
  let now_ms = 0
  const clock: Clock = {
    now_ms: () => now_ms,
    monotonic_ms: () => now_ms,
    // Nobody is silent and nothing ripens here: only pauses between connections take time.
    sleep: async (ms, signal) => {
      if (ms > 60_000) return new Promise((resolve) => signal?.addEventListener('abort', () => resolve()))
      now_ms += ms
      await setImmediate()
    },
  }
  const left = [...lives_ms]
  const stop = new AbortController()
  const events: FeedEvent[] = []
  const connect: ConnectSocket = (_url, _limits, { onOpen, onClose }) => {
    const life_ms = left.shift()
    if (life_ms === undefined) stop.abort()
    else
      void setImmediate().then(() => {
        if (life_ms > 0) onOpen()
        now_ms += life_ms
        onClose('gone')
      })
    return { send: () => undefined, pause: () => undefined, resume: () => undefined, close: () => undefined }
  }
  const binance = exchangeNamed('binance')
  const exchange = { ...binance, live: { ...binance.live, silence_ms: 10 ** 9 } }
  const onEvent = (event: FeedEvent): void => {
    events.push(event)
  }
  const parts = {
    exchange,
    symbols: ['BTCUSDT'],
    connect,
    clock,
    random: Object.assign(seededRandom(1), { unit: () => 0 }),
    onText: () => undefined,
    onEvent,
  }
  await new Follower(parts).run(stop.signal)
  return events
}

function pauses(events: readonly FeedEvent[]): number[] {
  return events.flatMap((event) => (event.kind === 'disconnected' ? [event.retry_ms] : []))
}

describe('A8: connections to an exchange', () => {
  test('A8: are made anew with pauses that grow to a minute', async () => {
    const seconds = pauses(await followed(Array.from({ length: 8 }, () => 0))).map((ms) => ms / 1_000)
    // Half as long as they may be.
    expect(seconds).toEqual([0.5, 1, 2, 4, 8, 16, 30, 30])
  })

  test('A8: after one that lived for a minute the first pause is short again, after a shorter one it is not', async () => {
    const events = await followed([0, 0, 59_999, 60_000, 0, 5_000_000, 0])
    expect(pauses(events)).toEqual([500, 1_000, 2_000, 500, 1_000, 500, 1_000])
  })

  test('A6: while nobody takes texts none is read, from connections that are made meanwhile neither', async () => {
    let now_ms = 0
    const clock: Clock = {
      now_ms: () => now_ms,
      monotonic_ms: () => now_ms,
      sleep: (_ms, signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve())),
    }
    const calls: string[] = []
    const handlers: Parameters<ConnectSocket>[2][] = []
    const connect: ConnectSocket = (_url, _limits, handler) => {
      const name = `${handlers.push(handler)}`
      const tell = (what: string) => (): void => void calls.push(`${name} ${what}`)
      return { send: () => undefined, pause: tell('pause'), resume: tell('resume'), close: tell('close') }
    }
    const parts = { exchange: exchangeNamed('binance'), symbols: [], connect, clock, random: seededRandom(1) }
    const follower = new Follower({ ...parts, onText: () => undefined, onEvent: () => undefined })
    const stop = new AbortController()
    follower.pause()
    const running = follower.run(stop.signal)
    expect(calls).toEqual(['1 pause'])
    now_ms += 1
    handlers[0]?.onOpen()
    expect(calls).toEqual(['1 pause', '1 pause'])
    follower.resume()
    expect(calls.slice(2)).toEqual(['1 resume'])
    stop.abort()
    await running
    expect(calls.slice(3)).toEqual(['1 close'])
  })
})
