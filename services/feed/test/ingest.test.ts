import { compileColumnDecoder, decodedField, newDecodedColumns } from '@assay/avro'
import { OutageError, systemClock } from '@assay/core'
import type { MemoryLog } from '@assay/event-log'
import { exchangeNamed } from '@assay/exchanges'
import { WIRE_HEADER_BYTES } from '@assay/schema-registry'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newHttpServer } from '../../../packages/host/src/http/server.js'
import { memoryTarget, recordsOf } from '../../../tests/support/parts.js'
import { addIngestRoute, type IngestEvent, type IngestOptions } from '../src/ingest/ingest.js'
import { eventTexts } from '../src/ingest/ingest-body.js'

const binance = exchangeNamed('binance')
const kraken = exchangeNamed('kraken')

function trade(id: number, more: Record<string, unknown> = {}): string {
  const time = Date.now()
  return JSON.stringify({
    e: 'trade',
    E: time,
    s: 'BTCUSDT',
    t: id,
    p: '1.5',
    q: '2',
    T: time,
    m: false,
    M: true,
    ...more,
  })
}

function ingest(options: Partial<IngestOptions> = {}) {
  const target = memoryTarget(systemClock)
  const events: IngestEvent[] = []
  const defects: unknown[] = []
  const server = newHttpServer((error) => defects.push(error))
  addIngestRoute(server, {
    target: () => target,
    exchanges: ['binance', 'kraken'],
    tokens: [],
    onEvent: (event) => events.push(event),
    ...options,
  })
  const post = async (exchange: string, payload: string | Buffer, type = 'application/json', headers = {}) => {
    const response = await server.inject({
      method: 'POST',
      url: `/v1/events/${exchange}`,
      payload,
      headers: { 'content-type': type, ...headers },
    })
    return { status: response.statusCode, headers: response.headers, body: response.json() }
  }
  const count = async (topic: string): Promise<number> => Number((await target.log.lanes(topic))[0]?.end ?? 0)
  return { target, server, events, defects, post, count }
}

/** Lets nothing be written until it is opened; the write of that number fails. Tells the records of each write. */
function gated(log: MemoryLog, failing?: number): { readonly counts: number[]; open(): void } {
  const produce = log.produce.bind(log)
  const counts: number[] = []
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  log.produce = async (topic, batch) => {
    const number = counts.push(batch.count)
    await opened
    if (number === failing) throw new OutageError('log_unavailable', 'the log is away')
    return produce(topic, batch)
  }
  return { counts, open: () => open() }
}

async function until(isDone: () => boolean | Promise<boolean>): Promise<void> {
  const deadline_ms = performance.now() + 30_000
  while (!(await isDone())) {
    expect(performance.now()).toBeLessThan(deadline_ms)
    await systemClock.sleep(5)
  }
}

describe('the ingest', () => {
  test('T16: refuses a time at which there can have been no trade, and says so', async () => {
    const { post, count } = ingest()
    const [seconds, ahead] = [1_764_000_000, Date.now() + 2 * 86_400_000]
    const outcome = await post('binance', `[${trade(1, { T: seconds })},${trade(2, { T: ahead })},${trade(3)}]`)
    expect(outcome.body.items).toEqual([
      { outcome: 'refused', reason: expect.stringMatching(/1970-01-21T10:00:00.000Z is before 2017.*seconds/) },
      { outcome: 'refused', reason: expect.stringMatching(/is after/) },
      { outcome: 'accepted', records: 1 },
    ])
    expect(await count(binance.topic)).toBe(1)
  })

  test("G1: equal trades of Kraken's first feed, sent again, are numbered as they were", async () => {
    const { post, target } = ingest()
    const fill = `["5541.2","0.15","${Math.floor(Date.now() / 1000)}.000001","s","l",""]`
    const message = `[[1,[${fill},${fill}],"trade","XBT/USD"]]`
    for (let i = 0; i < 2; i++) expect((await post('kraken', message)).body).toMatchObject({ records: 2 })
    const batches = []
    for (const { lane } of await target.log.lanes(kraken.topic)) {
      batches.push(...(await recordsOf(target.log, kraken.topic, lane.partition)))
    }
    const decoder = compileColumnDecoder(kraken.schema, kraken.schema)
    const numbers = batches.flatMap(({ count, values: { data, offsets } }) => {
      const decoded = newDecodedColumns(kraken.schema, data, count)
      for (let i = 0; i < count; i++) {
        const body = (offsets[i] as number) + WIRE_HEADER_BYTES
        expect(decoder.decode(data, body, offsets[i + 1] as number, i, decoded)).toBe(true)
      }
      return [...decodedField(decoded, 'fill_number', 'long').data]
    })
    expect(numbers).toEqual([0n, 1n, 0n, 1n])
  })

  test('tells of each message of an array what became of it; what was accepted is in the log', async () => {
    const { post, count, events } = ingest()
    const outcome = await post('binance', `[${trade(1)}, ${trade(2, { p: 3 })} ,{"e":"kline"},${trade(3)},[1],"x"]`)
    expect(outcome.status).toBe(202)
    expect(outcome.body).toMatchObject({ exchange: 'binance', records: 2, refused: 3 })
    expect(outcome.body.items.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
      'accepted',
      'refused',
      'ignored',
      'accepted',
      'refused',
      'refused',
    ])
    expect(outcome.body.items[1].reason).toContain('field p')
    expect(await count(binance.topic)).toBe(2)
    expect(events).toEqual([{ exchange: 'binance', status: 202, records: 2, refused: 3 }])
  })

  test('S3: takes lines, too, and every digit as it was written', async () => {
    const { target, post } = ingest()
    const message = (price: string) =>
      `{"channel":"trade","data":[{"symbol":"BTC/USD","side":"buy","price":${price},"qty":1,"ord_type":"limit","trade_id":1,"timestamp":"2025-01-01T00:00:00Z"}]}`
    const digits = '123456789012345678.0123456789'
    expect((await post('kraken', `[${message(digits)}]`)).body).toMatchObject({ records: 1 })
    expect(
      (await post('kraken', `${message(digits)}\n\n${message('2')}\n`, 'application/x-ndjson')).body,
    ).toMatchObject({
      records: 2,
      items: [{ outcome: 'accepted' }, { outcome: 'accepted' }],
    })
    const batches = await recordsOf(target.log, kraken.topic)
    const text = Buffer.concat(batches.map(({ values }) => values.data)).toString('latin1')
    expect(text.split(digits)).toHaveLength(3)
  })

  test('S6: what nests deeply is refused before it is parsed, as a body and as a message', async () => {
    const { post, count } = ingest()
    const deep = '['.repeat(200_000) + ']'.repeat(200_000)
    expect(await post('binance', deep)).toMatchObject({
      status: 400,
      body: { code: 'malformed_body', detail: expect.stringContaining('more than 100 deep') },
    })
    for (const exchange of ['binance', 'kraken'] as const) {
      const { status, body } = await post(exchange, `${deep}\n${trade(1)}`, 'application/x-ndjson')
      expect(status).toBe(202)
      expect(body.items[0]).toMatchObject({ outcome: 'refused', reason: expect.stringContaining('not JSON') })
    }
    expect(await count(binance.topic)).toBe(1)
  })

  test('S2: stamps records with the clock', async () => {
    const { target, post } = ingest()
    const before = Date.now()
    await post('binance', `[${trade(1, { T: 1_600_000_000_000 })}]`)
    const [batch] = await recordsOf(target.log, binance.topic)
    expect(Number(batch?.timestamps_ms[0])).toBeGreaterThanOrEqual(before)
  })

  test.each([
    ['{"e":"trade"}', 'application/json', 400, 'malformed_body'],
    ['[{"e":', 'application/json', 400, 'malformed_body'],
    ['', 'application/json', 400, 'malformed_body'],
    [Buffer.from([0x5b, 0xff, 0x5d]), 'application/json', 400, 'malformed_body'],
    ['[]', 'text/plain', 415, 'unsupported_media_type'],
    [`[${'1,'.repeat(10_000)}1]`, 'application/json', 413, 'too_many_events'],
    ['1\n'.repeat(10_001), 'application/x-ndjson', 413, 'too_many_events'],
    [' '.repeat(4 * 2 ** 20 + 1), 'application/json', 413, 'body_too_large'],
  ])('refuses the body %.20s (%s) with %i %s', async (body, type, status, code) => {
    const { post, defects } = ingest()
    const answer = await post('binance', body, type)
    expect(answer.status).toBe(status)
    expect(answer.headers['content-type']).toContain('application/problem+json')
    expect(answer.body).toMatchObject({ type: `urn:assay:problem:${code}`, status, code })
    expect(defects).toEqual([])
  })

  test('knows no exchange that this service does not work on', async () => {
    expect(await ingest({ exchanges: ['binance'] }).post('kraken', '[]')).toMatchObject({
      status: 404,
      body: { code: 'unknown_exchange', detail: 'known are binance' },
    })
  })

  test('asks for a token, if there are any, before it reads the body', async () => {
    const { post } = ingest({ tokens: ['first-token-of-two', 'second-token-of-two'] })
    const as = async (authorization: string) => (await post('binance', '[]', undefined, { authorization })).status
    expect(await as('Bearer first-token-of-two')).toBe(202)
    expect(await as('Bearer second-token-of-two')).toBe(202)
    expect(await as('Bearer second-token-of-tw')).toBe(401)
    expect(await as('Basic second-token-of-two')).toBe(401)
    const answer = await post('binance', 'x'.repeat(5 * 2 ** 20))
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer'])
  })

  test('A6: what waits is bounded; past it 429 says when to try again, and later it goes on', async () => {
    const { target, post, count } = ingest({ queue_bytes: 1_000 })
    const log = gated(target.log)
    const body = `[${trade(1)},${trade(2)},${trade(3)},${trade(4)}]`
    const first = post('binance', body)
    await until(() => log.counts.length === 1)
    const full = await post('binance', body)
    expect([full.status, full.body.code, full.headers['retry-after']]).toEqual([429, 'queue_full', '1'])
    expect((await post('binance', `[${' '.repeat(2_000)}]`)).status).toBe(429)
    log.open()
    expect((await first).status).toBe(202)
    for (let i = 0; i < 3; i++) await until(async () => (await post('binance', body)).status === 202)
    expect(await count(binance.topic)).toBe(16)
  })

  test('a log that is away is 503; what was told to have failed is not written later', async () => {
    const { target, post, count } = ingest()
    const produce = target.log.produce.bind(target.log)
    target.log.produce = async () => {
      throw new OutageError('log_unavailable', 'the log is away')
    }
    const answer = await post('binance', `[${trade(1)}]`)
    expect([answer.status, answer.body.code]).toEqual([503, 'log_unavailable'])
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    target.log.produce = produce
    expect((await post('binance', `[${trade(2)}]`)).status).toBe(202)
    expect(await count(binance.topic)).toBe(1)
  })

  test('requests that come during a write go with the next one, and each hears of its own', async () => {
    const { target, post, count } = ingest()
    const log = gated(target.log, 2)
    const send = async (id: number): Promise<number> => (await post('binance', `[${trade(id)}]`)).status
    const first = send(1)
    await until(() => log.counts.length === 1)
    const others = [send(2), send(3), send(4)]
    await systemClock.sleep(50)
    log.open()
    expect(await first).toBe(202)
    const answers = await Promise.all(others)
    expect(answers).toContain(503)
    expect(await send(5)).toBe(202)
    expect(log.counts.reduce((sum, records) => sum + records)).toBe(5)
    expect(await count(binance.topic)).toBe(2 + answers.filter((status) => status === 202).length)
  })

  test('a service whose lake is not open yet says so', async () => {
    expect(await ingest({ target: () => undefined }).post('binance', `[${trade(1)}]`)).toMatchObject({
      status: 503,
      body: { code: 'starting' },
    })
  })
})

test('the texts of an array are its elements, exactly as written', () => {
  const seed = Date.now()
  fc.assert(
    fc.property(fc.array(fc.json(), { maxLength: 20 }), fc.constantFrom('', ' ', '\n\t'), (elements, blank) => {
      const body = `${blank}[${elements.map((text) => `${blank}${text}${blank}`).join(',')}]${blank}`
      const found = eventTexts(Buffer.from(body), 'array')
      if (found.kind !== 'texts') throw new Error(found.kind)
      expect(found.texts.map((text) => text.trim())).toEqual(elements.map((text) => text.trim()))
    }),
    { seed, verbose: true },
  )
})
