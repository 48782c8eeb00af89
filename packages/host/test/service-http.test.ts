import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OutageError, stopOnSignals, systemClock, systemRandom } from '@assay/core'
import { runService } from '@assay/host'
import { type LakeOptions, openLake } from '@assay/lake'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FeedMetrics } from '../../../services/feed/src/feed-metrics.js'
import { metricsPage } from '../src/metrics/metrics-page.js'
import { FakeHost, type ServiceName, WORK } from './fake-host.js'

let folder: string
const running: { host: FakeHost; code: Promise<number> }[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'service-http-'))
})
afterEach(async () => {
  for (const { host, code } of running.splice(0)) {
    host.send('SIGTERM')
    expect(await code).toBe(0)
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
})

function parts(host: FakeHost) {
  return { clock: systemClock, random: systemRandom, stop: stopOnSignals(host, systemClock) }
}

async function start(
  service: ServiceName,
  env: Record<string, string> = {},
  open?: typeof openLake,
): Promise<FakeHost> {
  const host = new FakeHost({ ASSAY_LAKE: folder, ASSAY_COMMIT_INTERVAL_MS: '50', ...env })
  const code = runService({ ...parts(host), service, work: WORK[service], ...(open && { open }) }, host)
  running.push({ host, code })
  await host.logged('listening')
  return host
}

function trade(id: number, more: Record<string, unknown> = {}): string {
  const fields = { e: 'trade', E: 1, s: 'BTCUSDT', t: id, p: '1.5', q: '2', T: Date.now(), m: false, M: true }
  return JSON.stringify({ ...fields, ...more })
}

async function get(host: FakeHost, path: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${host.address}${path}`)
  return { status: response.status, body: await response.json() }
}

/** Samples of Prometheus' text format by `name{labels}`. */
async function metrics(host: FakeHost): Promise<Map<string, number>> {
  const response = await fetch(`${host.address}/metrics`)
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4')
  const samples = new Map<string, number>()
  for (const line of (await response.text()).split('\n')) {
    if (line === '' || /^# (HELP|TYPE) [a-z_0-9]+ /.test(line)) continue
    const [, name = '', value = ''] = /^([a-z_0-9]+(?:\{[^}]*\})?) (\S+)$/.exec(line) ?? []
    expect(name, line).not.toBe('')
    samples.set(name, value === 'NaN' ? Number.NaN : Number(value))
  }
  return samples
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  const deadline_ms = performance.now() + 30_000
  while (!(await isDone())) {
    expect(performance.now()).toBeLessThan(deadline_ms)
    await systemClock.sleep(20)
  }
}

describe('what every service answers', () => {
  test('/livez and /readyz, with the parts that it needs', async () => {
    const host = await start('silver')
    await host.logged('started')
    expect(await get(host, '/livez')).toEqual({ status: 200, body: { is_live: true, hanging: [] } })
    const parts = { store: 'ok', catalog: 'ok', registry: 'ok' }
    expect(await get(host, '/readyz')).toEqual({ status: 200, body: { is_ready: true, parts } })
    const missing = await get(host, '/v1/nothing')
    expect(missing).toMatchObject({ status: 404, body: { code: 'not_found', status: 404 } })
  })

  test('S4: a part that is away at the start is waited for, and /readyz says which it is', async () => {
    let isAway = true
    const away = async (): Promise<never> => {
      throw new OutageError('store_away', 'no route to it')
    }
    const open = async (options: LakeOptions) => {
      if (isAway) return away()
      const lake = await openLake(options)
      return { ...lake, store: { ...lake.store, size_bytes: () => (isAway ? away() : lake.store.size_bytes('x')) } }
    }
    const host = await start('gold', {}, open)
    await until(async () => host.lines.some(({ code }) => code === 'store_away'))
    expect(await get(host, '/readyz')).toEqual({
      status: 503,
      body: { is_ready: false, parts: { service: 'store_away: no route to it' } },
    })
    expect((await get(host, '/livez')).status).toBe(200)
    isAway = false
    await host.logged('started')
    await until(async () => (await get(host, '/readyz')).status === 200)
    isAway = true
    await until(async () => (await get(host, '/readyz')).status === 503)
    expect(await get(host, '/readyz')).toMatchObject({
      body: { parts: { store: 'store_away: no route to it', catalog: 'ok' } },
    })
  })

  test('no answer of /readyz has a secret', async () => {
    const open = async (): Promise<never> => {
      throw new OutageError('store_away', 'no route to http://ada:lovelace@host by battery-staple')
    }
    const host = await start('gold', { AWS_SECRET_ACCESS_KEY: 'battery-staple' }, open)
    await until(async () => host.lines.some(({ code }) => code === 'store_away'))
    expect((await get(host, '/readyz')).body).toEqual({
      is_ready: false,
      parts: { service: 'store_away: no route to http://***@host by ***' },
    })
    expect(JSON.stringify(host.lines)).not.toMatch(/lovelace|battery/)
  })

  test('an address that is taken ends it with 2', async () => {
    const first = await start('feed', { ASSAY_FEED: 'none' })
    const host = new FakeHost({ ASSAY_LAKE: folder, ASSAY_HTTP_PORT: new URL(first.address).port })
    expect(await runService({ ...parts(host), service: 'bronze', work: WORK.bronze }, host)).toBe(2)
    expect(host.lines.at(-1)).toMatchObject({ level: 'fatal', code: 'http_address_unusable' })
  })
})

describe('metrics', () => {
  test('are described by a page that is current', async () => {
    const page = await readFile(new URL('../../../docs/metrics.md', import.meta.url), 'utf8')
    expect(page, 'run: node docs/write-metrics.mjs').toBe(
      metricsPage(systemClock, (registry) => new FeedMetrics(registry, [])),
    )
  })

  test('feed, bronze, silver and gold tell what became of each record, lane by lane', async () => {
    const feed = await start('feed', { ASSAY_FEED: 'none', ASSAY_TOPIC_PARTITIONS: '1' })
    const bronze = await start('bronze', { ASSAY_EXCHANGES: 'binance' })
    const silver = await start('silver', { ASSAY_EXCHANGES: 'binance' })
    const gold = await start('gold')
    await feed.logged('started')
    const response = await fetch(`${feed.address}/v1/events/binance`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `[${[trade(1), trade(2), trade(3), trade(2), trade(4, { p: '-1' })]}]`,
    })
    expect(response.status).toBe(202)
    const told = async (host: FakeHost, name: string): Promise<number> => (await metrics(host)).get(name) ?? Number.NaN
    const all = '{exchange="binance"}'
    const lane = '{exchange="binance",topic="market.crypto.trades.binance.raw",partition="0"}'
    await until(async () => (await told(gold, `assay_gold_position${lane}`)) === 5)
    // The table tells the position; the worker counts a moment later.
    await until(async () => (await told(gold, 'assay_gold_written_records_total')) === 3)
    expect(await told(feed, `assay_feed_ingest_records_total${all}`)).toBe(5)
    const ofBronze = await metrics(bronze)
    expect(ofBronze.get(`assay_bronze_records_total${all}`)).toBe(5)
    expect(ofBronze.get(`assay_bronze_bytes_total${all}`)).toBeGreaterThan(200)
    expect(ofBronze.get(`assay_bronze_stopped_lanes${all}`)).toBe(0)
    const ofSilver = await metrics(silver)
    expect(ofSilver.get(`assay_silver_valid_records_total${all}`)).toBe(4)
    expect(ofSilver.get('assay_silver_dead_letters_total{exchange="binance",error_type="price_validation"}')).toBe(1)
    expect(ofSilver.get(`assay_silver_dead_letter_ratio${all}`)).toBe(0.2)
    const ofGold = await metrics(gold)
    expect(ofGold.get('assay_gold_written_records_total')).toBe(3)
    expect(ofGold.get('assay_gold_key_set_bytes')).toBeGreaterThan(0)
    expect(ofGold.get('process_resident_memory_bytes')).toBeGreaterThan(0)
    for (const [layer, samples] of Object.entries({ bronze: ofBronze, silver: ofSilver, gold: ofGold })) {
      const labels = layer === 'gold' ? '' : all
      expect(samples.get(`assay_${layer}_status_up`)).toBe(1)
      expect(samples.get(`assay_${layer}_position${lane}`)).toBe(5)
      expect(samples.get(`assay_${layer}_lag_records${lane}`)).toBe(0)
      expect(samples.get(`assay_${layer}_commits_total${labels}`)).toBeGreaterThan(0)
      expect(samples.get(`assay_${layer}_commit_duration_seconds_count${labels}`)).toBeGreaterThan(0)
    }
  })
})

describe('the feed service', () => {
  test('takes events, and has them in the log when it answers', async () => {
    const host = await start('feed', { ASSAY_FEED: 'none' })
    await host.logged('started')
    const response = await fetch(`${host.address}/v1/events/binance`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `[${trade(1)},{"e":"trade"},${trade(2)}]`,
    })
    expect(response.status).toBe(202)
    expect(await response.json()).toMatchObject({ exchange: 'binance', records: 2, refused: 1 })
    expect((await metrics(host)).get('assay_feed_ingest_records_total{exchange="binance"}')).toBe(2)
  })

  test('takes no events from other machines without a token', async () => {
    const open = await start('feed', { ASSAY_FEED: 'none', ASSAY_HTTP_HOST: '0.0.0.0' })
    const port = new URL(open.address).port
    const post = (port: string, headers: Record<string, string> = {}) =>
      fetch(`http://127.0.0.1:${port}/v1/events/binance`, { method: 'POST', headers, body: '[]' })
    expect((await post(port)).status).toBe(403)
    const env = { ASSAY_FEED: 'none', ASSAY_HTTP_HOST: '0.0.0.0', ASSAY_INGEST_TOKENS: 'one-token-of-many' }
    const guarded = await start('feed', env)
    await guarded.logged('started')
    const closed = new URL(guarded.address).port
    expect((await post(closed)).status).toBe(401)
    const json = { 'content-type': 'application/json' }
    expect((await post(closed, { ...json, authorization: 'Bearer one-token-of-manx' })).status).toBe(401)
    expect((await post(closed, { ...json, authorization: 'Bearer one-token-of-many' })).status).toBe(202)
  })
})
