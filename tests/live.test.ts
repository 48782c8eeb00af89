import { readFileSync } from 'node:fs'
import { type Clock, systemClock } from '@assay/core'
import { runLiveFeed } from '@assay/feed'
import { expect, it } from 'vitest'
import { LiveServer } from '../packages/feed/test/live-server.js'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { kraken, memoryLake } from './support/memory-lake.js'
import { digests } from './support/tables.js'

const LINES = kraken.samples.flatMap((url) => readFileSync(url, 'utf8').trimEnd().split('\n')).slice(0, 120)

/** The recorded trades are of a day gone by: for the feed it is that day. Its pauses are short. */
const clock: Clock = {
  now_ms: () => Date.UTC(2025, 10, 12),
  monotonic_ms: () => performance.now(),
  sleep: (ms, signal) => systemClock.sleep(ms / 20, signal),
}

it('G1 G2: trades that a reconnect repeats are in gold once, and the rest is told as duplicates', async () => {
  // Three connections; each begins with a snapshot of the last 50 trades before it.
  const server = await LiveServer.open((client, connection) => {
    if (connection > 3) return
    const from = (connection - 1) * 40
    for (const line of LINES.slice(Math.max(0, from - 50), from)) client.send(line)
    for (const line of LINES.slice(from, from + 40)) client.send(line)
    if (connection < 3) client.close(1001)
  })
  const lake = memoryLake({ exchanges: [kraken] })
  const stop = new AbortController()
  let written = 0
  const done = new Promise<void>((resolve) => {
    const onEvent = (event: { kind: string; records?: number }): void => {
      if (event.kind === 'progress') written += event.records ?? 0
      if (written === 210) resolve()
    }
    const target = { log: lake.log, registry: lake.registry, random: lake.random, clock, topicPartitions: 1 }
    const exchanges = [server.standsFor(kraken, { silence_ms: 60_000 })]
    void runLiveFeed({ ...target, exchanges }, { symbols: new Map(), onEvent }, stop.signal)
  })
  await done
  stop.abort()
  await server.close()
  await drain(lake)
  await checkInvariants(lake)
  const found = await digests(lake)
  expect(found.gold_crypto_trades?.rows).toBe(120n)
  expect(found.gold_duplicates?.rows).toBe(90n)
  await lake.close()
})
