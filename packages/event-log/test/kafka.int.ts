import { randomUUID } from 'node:crypto'
import { type Lane, position, systemClock, systemRandom } from '@assay/core'
import { compressionsAlgorithms } from '@platformatic/kafka'
import { decompress as unzstd } from 'fzstd'
import kafkajs from 'kafkajs'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../../../tests/real-parts/real-parts.js'
import type { EventLog, ReadResult } from '../src/index.js'
import type { KafkaLog } from '../src/kafka/kafka-log.js'
import { eventLogContract } from './event-log-contract.js'
import { type Broker, javaTool, openAt, peer, startBroker, unsecuredToken } from './kafka/broker.js'
import { Member } from './kafka/member.js'
import { ALL, encodeHeaders, numbered, readAll, seen, toBatch } from './records.js'

const { CompressionCodecs, CompressionTypes } = kafkajs
const isThere = await needs('kafka')
let broker: Broker
let log: KafkaLog

beforeAll(async () => {
  if (!isThere) return
  broker = await startBroker()
  log = await openAt(broker.plain, { limits: { retry_ms_max: 60_000 } })
})
afterAll(async () => {
  await log?.close()
  await broker?.stop()
})

async function freshTopic(partitions = 1): Promise<string> {
  const topic = `t-${randomUUID()}`
  await log.ensureTopic(topic, partitions)
  return topic
}

async function admin<T>(work: (client: kafkajs.Admin) => Promise<T>): Promise<T> {
  const client = peer(broker.plain).admin()
  await client.connect()
  return work(client).finally(() => client.disconnect())
}

async function topicWith(settings: Readonly<Record<string, string>>): Promise<string> {
  const topic = `t-${randomUUID()}`
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }))
  await admin((client) => client.createTopics({ topics: [{ topic, configEntries }], waitForLeaders: true }))
  return topic
}

const lane0 = (topic: string): Lane => ({ topic, partition: 0 })
const values = (records: readonly { readonly value: string | undefined }[]): (string | undefined)[] =>
  records.map(({ value }) => value)

/** A transaction's end gets into the log a little later than its producer hears of it. */
async function untilEnd(topic: string, end: bigint): Promise<void> {
  await expect.poll(async () => (await log.lanes(topic))[0]?.end, { timeout: 60_000 }).toBe(end)
}

async function outcome(from: EventLog, topic: string, at: number, epoch?: number): Promise<ReadResult> {
  return from.read(lane0(topic), position(at), ALL, epoch)
}

describe.skipIf(!isThere)('topics and batches of ours', () => {
  it.each(['none', 'gzip', 'lz4'] as const)('are as the settings say, compressed by %s', async (compression) => {
    const own = await openAt(broker.plain, {
      topics: { replicationFactor: 1, minInsyncReplicas: 1, retention_bytes: 1_000_000_000 },
      producer: { linger_ms: 50, batch_bytes: 4_096, compression },
    })
    const topic = `t-${randomUUID()}`
    await own.ensureTopic(topic, 3)
    const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }
    const { resources } = await admin((client) =>
      client.describeConfigs({ resources: [resource], includeSynonyms: false }),
    )
    const settings = new Map(
      resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]),
    )
    expect(settings.get('min.insync.replicas')).toBe('1')
    expect(settings.get('retention.bytes')).toBe('1000000000')
    expect(await own.lanes(topic)).toHaveLength(3)
    const sentValues = Array.from({ length: 200 }, (_, i) => `value ${i} `.repeat(20))
    const sent = await Promise.all(sentValues.map((value) => own.produce(topic, toBatch([{ value }]))))
    expect(sent).toHaveLength(200)
    const lanes = await own.lanes(topic)
    const found = (await Promise.all(lanes.map(({ lane }) => readAll(log, lane)))).flat()
    expect(values(found).toSorted()).toEqual(sentValues.toSorted())
    await own.close()
  })
})

if (isThere) eventLogContract('Kafka', () => openAt(broker.plain))

describe.skipIf(!isThere)('records of other clients', () => {
  beforeAll(() => {
    CompressionCodecs[CompressionTypes.LZ4] = () => ({
      compress: async ({ buffer }: { buffer: Buffer }) => compressFrameSync(buffer),
      decompress: async (buffer: Buffer) => decompressFrameSync(buffer),
    })
    CompressionCodecs[CompressionTypes.Snappy] = () => ({
      compress: async ({ buffer }: { buffer: Buffer }) => compressionsAlgorithms.snappy.compressSync(buffer),
      decompress: async (buffer: Buffer) => unxerial(buffer),
    })
    CompressionCodecs[CompressionTypes.ZSTD] = () => ({
      compress: () => Promise.reject(new Error('not here')),
      decompress: async (buffer: Buffer) => Buffer.from(unzstd(buffer)),
    })
  })

  it('B1: whatever the codec of the Java client, are read as kafkajs reads them', async () => {
    const topic = await freshTopic()
    const text = Array.from({ length: 300 }, (_, i) => `h${i}:x,y:z\tkey${i % 7}\tvalue ${i} ${'ab'.repeat(i)}`)
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      const options = ['parse.key=true', 'parse.headers=true'].flatMap((one) => ['--reader-property', one])
      const to = ['--bootstrap-server', broker.plain, '--topic', topic, '--compression-codec', codec]
      await javaTool(broker, 'org.apache.kafka.tools.ConsoleProducer', [...to, ...options], `${text.join('\n')}\n`)
    }
    const ours = await readAll(log, lane0(topic))
    expect(ours).toHaveLength(5 * text.length)
    expect(ours.map(({ key, value }) => `${key}\t${value}`)).toEqual(
      Array.from({ length: 5 }, () => text.map((line) => line.split('\t').slice(1).join('\t'))).flat(),
    )
    expect(ours).toEqual(await readByPeer(topic, ours.length))
  })

  it.each([
    ['none', CompressionTypes.None],
    ['gzip', CompressionTypes.GZIP],
    ['raw snappy', CompressionTypes.Snappy],
    ['lz4', CompressionTypes.LZ4],
  ])('B1: of kafkajs with %s are read as they were sent', async (_name, compression) => {
    const topic = await freshTopic()
    const producer = peer(broker.plain).producer()
    await producer.connect()
    const messages = Array.from({ length: 500 }, (_, i) => ({
      key: `k${i}`,
      value: `v${i}`.repeat(i % 40),
      headers: { h: `${i}` },
    }))
    await producer.send({ topic, messages, compression })
    await producer.disconnect()
    const found = await readAll(log, lane0(topic))
    expect(values(found)).toEqual(messages.map(({ value }) => value))
    expect(found.map(({ headers }) => headers)).toEqual(messages.map((_, i) => encodeHeaders([['h', `${i}`]])))
  })

  it('B1: what we produce, kafkajs reads alike', async () => {
    const topic = await freshTopic()
    await log.produce(
      topic,
      toBatch(
        Array.from({ length: 2000 }, (_, i) => ({
          key: i % 3 ? `k${i}` : null,
          value: i % 5 ? `v${i}`.repeat(i % 30) : null,
          headers:
            i % 2
              ? encodeHeaders([
                  ['a', `${i}`],
                  ['b', ''],
                ])
              : null,
          timestamp_ms: 1_700_000_000_000n + BigInt((i * 7919) % 1000),
        })),
      ),
    )
    const ours = await readAll(log, lane0(topic))
    expect(ours).toHaveLength(2000)
    expect(ours).toEqual(await readByPeer(topic, ours.length))
  })

  it('are split over partitions like ours', async () => {
    const topic = await freshTopic(7)
    const keys = Array.from({ length: 200 }, (_, i) => `symbol-${i}`)
    const producer = peer(broker.plain).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
    await producer.connect()
    await producer.send({ topic, messages: keys.map((key) => ({ key, value: 'theirs' })) })
    await producer.disconnect()
    await log.produce(topic, toBatch(keys.map((key) => ({ key, value: 'ours' }))))
    for (let partition = 0; partition < 7; partition += 1) {
      const found = await readAll(log, { topic, partition })
      // kafkajs may send twice.
      const of = (value: string): unknown => new Set(found.filter((one) => one.value === value).map(({ key }) => key))
      expect(of('ours')).toEqual(of('theirs'))
    }
  })

  async function readByPeer(topic: string, count: number): Promise<unknown[]> {
    const consumer = peer(broker.plain).consumer({ groupId: randomUUID() })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    const found: unknown[] = []
    const text = (bytes: Buffer | string | null | undefined): string | undefined =>
      bytes === null || bytes === undefined ? undefined : Buffer.from(bytes).toString('latin1')
    await new Promise<void>((resolve, reject) => {
      const eachMessage = async ({ message }: kafkajs.EachMessagePayload): Promise<void> => {
        const headers = Object.entries(message.headers ?? {}).map(([key, value]): [string, string] => [
          key,
          String(value),
        ])
        found.push({
          offset: BigInt(message.offset),
          value: text(message.value),
          key: text(message.key),
          headers: headers.length > 0 ? encodeHeaders(headers) : undefined,
          timestamp_ms: BigInt(message.timestamp),
        })
        if (found.length === count) resolve()
      }
      consumer.run({ eachMessage }).catch(reject)
    })
    await consumer.disconnect()
    return found
  }
})

function unxerial(data: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 16; at < data.length; at += 4 + data.readUInt32BE(at)) {
    parts.push(compressionsAlgorithms.snappy.decompressSync(data.subarray(at + 4, at + 4 + data.readUInt32BE(at))))
  }
  return Buffer.concat(parts)
}

describe.skipIf(!isThere)('holes', () => {
  it('failure 9: aborted records are absent, and positions go past them and past control records', async () => {
    const topic = await freshTopic()
    const client = peer(broker.plain)
    const producer = client.producer({ transactionalId: randomUUID(), idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    const send = async (value: string, end: 'commit' | 'abort'): Promise<void> => {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value: `${value}0` }, { value: `${value}1` }] })
      await transaction[end]()
    }
    await send('a', 'commit')
    await send('b', 'abort')
    await log.produce(topic, numbered('plain', 1))
    await send('c', 'commit')
    await send('d', 'abort')
    await untilEnd(topic, 13n)
    const found = await readAll(log, lane0(topic))
    expect(values(found)).toEqual(['a0', 'a1', 'plain0', 'c0', 'c1'])
    expect(found.map(({ offset }) => offset)).toEqual([0n, 1n, 6n, 7n, 8n])
    for (let at = 0; at <= 13; at += 1) {
      const rest = await readAll(log, lane0(topic), position(at))
      expect(rest).toEqual(found.filter(({ offset }) => offset >= BigInt(at)))
    }
    const last = await outcome(log, topic, 9)
    expect(last).toMatchObject({ kind: 'records', batches: [], next: 13n })
    const open = await producer.transaction()
    await open.send({ topic, messages: [{ value: 'not yet' }] })
    await log.produce(topic, numbered('after', 1))
    expect((await log.lanes(topic))[0]?.end).toBe(13n)
    expect(await outcome(log, topic, 13)).toMatchObject({ kind: 'records', batches: [], next: 13n, end: 13n })
    await open.commit()
    await untilEnd(topic, 16n)
    expect(values(await readAll(log, lane0(topic), position(13)))).toEqual(['not yet', 'after0'])
    await producer.disconnect()
  })

  it('failure 9: what compaction took away is passed over', async () => {
    const topic = await topicWith({
      'cleanup.policy': 'compact',
      'segment.ms': '50',
      'min.cleanable.dirty.ratio': '0.01',
      'max.compaction.lag.ms': '100',
    })
    const producer = peer(broker.plain).producer()
    await producer.connect()
    for (let i = 0; i < 6; i += 1) {
      await producer.send({
        topic,
        messages: [
          { key: 'a', value: `a${i}` },
          { key: `k${i}`, value: `k${i}` },
        ],
      })
      await systemClock.sleep(80)
    }
    await producer.disconnect()
    const deadline_ms = performance.now() + 30_000
    let found = await readAll(log, lane0(topic))
    while (found.length > 8 && performance.now() < deadline_ms) {
      await systemClock.sleep(200)
      found = await readAll(log, lane0(topic))
    }
    expect(found.length).toBeLessThan(12)
    expect(values(found).filter((value) => value?.startsWith('k'))).toEqual(['k0', 'k1', 'k2', 'k3', 'k4', 'k5'])
    expect(found.every(({ offset }, i) => i === 0 || offset > (found[i - 1]?.offset ?? 0n))).toBe(true)
    for (let at = 0; at <= 12; at += 1) {
      const rest = await readAll(log, lane0(topic), position(at))
      expect(rest).toEqual(found.filter(({ offset }) => offset >= BigInt(at)))
    }
  })
})

describe.skipIf(!isThere)('B3: what the log lost', () => {
  it('failure 7: a position that retention overtook is out of range, with what is left', async () => {
    const topic = await freshTopic()
    await log.produce(topic, numbered('v', 10))
    await admin(async (client) => {
      await client.fetchTopicOffsets(topic)
      await client.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '4' }] })
    })
    expect(await outcome(log, topic, 3)).toEqual({ kind: 'out_of_range', start: 4n, end: 10n })
    expect((await log.lanes(topic))[0]).toMatchObject({ start: 4n, end: 10n })
    expect(values(await readAll(log, lane0(topic), position(4)))).toHaveLength(6)
  })

  it('failure 8: a topic made again has another identity, and is not read at the old position', async () => {
    const topic = await freshTopic()
    await log.produce(topic, numbered('old', 5))
    const [before] = await log.lanes(topic)
    await outcome(log, topic, 0)
    await admin((client) => client.deleteTopics({ topics: [topic] }))
    const other = await openAt(broker.plain)
    await systemClock.sleep(300)
    await other.ensureTopic(topic, 1)
    await other.produce(topic, numbered('new', 9))
    await expect(outcome(log, topic, 5)).rejects.toMatchObject({ code: 'topic_changed', retryable: true })
    const [after] = await log.lanes(topic)
    expect(after?.topicId).not.toBe(before?.topicId)
    expect(after?.topicId.split(':')[0]).toBe(before?.topicId.split(':')[0])
    expect(values(await readAll(log, lane0(topic)))).toEqual(Array.from({ length: 9 }, (_, i) => `new${i}`))
    await other.close()
  })
})

describe.skipIf(!isThere)('settings of a topic', () => {
  it('finds nothing wrong with one that we made, and says what is wrong with others', async () => {
    expect(await log.inspectTopic(await freshTopic())).toEqual([])
    const topic = await topicWith({
      'message.timestamp.type': 'LogAppendTime',
      'cleanup.policy': 'compact',
      'retention.ms': '60000',
    })
    const found = await log.inspectTopic(topic)
    expect(found.map(({ setting, value, severity }) => [setting, value, severity])).toEqual([
      ['message.timestamp.type', 'LogAppendTime', 'refuse'],
      ['retention.ms', '60000', 'warn'],
      ['cleanup.policy', 'compact', 'warn'],
    ])
    await log.produce(topic, toBatch([{ key: 'k', value: 'v', timestamp_ms: 5n }]))
    const [record] = await readAll(log, lane0(topic))
    expect(Math.abs(Number(record?.timestamp_ms) - Date.now())).toBeLessThan(60_000)
  })

  it('failure 15: a record that the topic would not take is refused before anything is written', async () => {
    const topic = await topicWith({ 'max.message.bytes': '20000' })
    const batch = toBatch([{ value: 'small' }, { value: systemRandom.uuid().repeat(600) }])
    await expect(log.produce(topic, batch)).rejects.toMatchObject({ code: 'record_too_large' })
    expect((await log.lanes(topic))[0]?.end).toBe(0n)
    const many = Array.from({ length: 300 }, () => ({ value: systemRandom.uuid().repeat(10) }))
    await log.produce(topic, toBatch(many))
    expect(values(await readAll(log, lane0(topic)))).toEqual(values(many as { value: string }[]))
  })

  it('failure 15: a batch that is or becomes too large stops its lane by name, and no other', async () => {
    const topic = await topicWith({ 'max.message.bytes': '60000000' })
    const small = await openAt(broker.plain, { limits: { batch_bytes_max: 4_000_000 } })
    const producer = peer(broker.plain).producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'before' }] })
    await producer.send({ topic, messages: [{ value: Buffer.alloc(30_000_000) }], compression: CompressionTypes.GZIP })
    await producer.send({ topic, messages: [{ value: Buffer.alloc(30_000_000) }] })
    await producer.disconnect()
    const first = await outcome(small, topic, 0)
    expect(first).toMatchObject({ kind: 'records', next: 1n })
    for (const at of [1, 2]) {
      const failed = outcome(small, topic, at)
      await expect(failed).rejects.toMatchObject({ code: 'batch_too_large', retryable: false })
      await expect(failed).rejects.toThrow(`${topic}/0 at offset ${at}`)
    }
    expect(values(await readAll(log, lane0(topic))).map((value) => value?.length)).toEqual([6, 30_000_000, 30_000_000])
    await small.close()
  })
})

describe.skipIf(!isThere)('ways in', () => {
  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)(
    'lets %s in, and nobody with a wrong password',
    async (mechanism) => {
      const sasl = { mechanism, username: broker.user, password: () => Promise.resolve(broker.password) }
      const secured = await openAt(broker.sasl, { sasl })
      const topic = await freshTopic()
      await log.produce(topic, numbered('v', 3))
      // The cluster names all its listeners by the one that was asked.
      expect(values(await readAll(secured, lane0(topic)))).toEqual(['v0', 'v1', 'v2'])
      await secured.close()
      const wrong = openAt(broker.sasl, { sasl: { mechanism, username: broker.user, password: 'hunter2-secret' } })
      await expect(wrong).rejects.toMatchObject({ code: 'log_denied' })
      await expect(wrong).rejects.not.toThrow(/hunter2/)
    },
  )

  it('lets OAUTHBEARER in by a token that is asked for', async () => {
    const token = (): string => unsecuredToken('reader', Date.now())
    const secured = await openAt(broker.sasl, { sasl: { mechanism: 'OAUTHBEARER', token } })
    expect(await secured.lanes('none')).toEqual([])
    await secured.close()
    const wrong = openAt(broker.sasl, { sasl: { mechanism: 'OAUTHBEARER', token: 'secret-token' } })
    await expect(wrong).rejects.toMatchObject({ code: 'log_denied' })
    await expect(wrong).rejects.not.toThrow(/secret-token/)
  })

  it('speaks TLS, to whom it trusts only', async () => {
    const secured = await openAt(broker.tls, { tls: { ca: broker.ca } })
    const topic = await freshTopic()
    await secured.produce(topic, numbered('v', 3))
    expect(values(await readAll(secured, lane0(topic)))).toEqual(['v0', 'v1', 'v2'])
    await secured.close()
    const limits = { retry_ms_max: 300 }
    await expect(openAt(broker.tls, { tls: {}, limits })).rejects.toMatchObject({ code: 'log_failed', retryable: true })
  })

  it('says that there is nobody', async () => {
    const alone = openAt('127.0.0.1:1', { limits: { retry_ms_max: 200 } })
    await expect(alone).rejects.toMatchObject({ code: 'log_failed', retryable: true })
  })
})

describe.skipIf(!isThere)('groups', () => {
  it('share lanes out between processes; one that was frozen knows that it lost its own', async () => {
    const topic = await freshTopic(4)
    const group = randomUUID()
    const [a, b] = [new Member(broker.plain, group, topic, 4), new Member(broker.plain, group, topic, 4)]
    const shared = (): boolean => a.owned.length === 2 && b.owned.length === 2
    await a.until(shared, 'both have two lanes')
    expect([...a.owned, ...b.owned].toSorted()).toEqual([0, 1, 2, 3])
    a.freeze()
    await b.until(() => b.owned.length === 4, 'the other took over')
    const [wakes] = await a.wake()
    expect(wakes).toEqual([])
    await a.until(shared, 'both have two lanes again')
    await a.end()
    await b.until(() => b.owned.length === 4, 'one left')
    await b.end()
  })

  it('tells lag tools how far a lane has come', async () => {
    const topic = await freshTopic(2)
    const group = randomUUID()
    const assignment = await log.assign(group, topic)
    expect(assignment.owns({ topic, partition: 0 })).toBe(false)
    while (!assignment.owns({ topic, partition: 1 })) await systemClock.sleep(20)
    assignment.report([{ lane: { topic, partition: 1 }, position: position(7) }])
    await assignment.close()
    expect(assignment.owns({ topic, partition: 1 })).toBe(false)
    const offsets = await admin((client) => client.fetchOffsets({ groupId: group, topics: [topic] }))
    expect(offsets[0]?.partitions.find(({ partition }) => partition === 1)?.offset).toBe('7')
  })
})

describe.skipIf(!isThere)('a broker that dies', () => {
  it('B2: loses nothing that was acknowledged, doubles nothing, and is waited for', async () => {
    const topic = await freshTopic(2)
    const sent: Promise<unknown>[] = []
    const keep = async (): Promise<void> => {
      for (let i = 0; i < 60; i += 1) {
        // A broker that restarts forgets producers whose records are stamped more than a day ago.
        const timestamp_ms = BigInt(systemClock.now_ms())
        sent.push(log.produce(topic, toBatch([{ key: `k${i % 8}`, value: `${i}`, timestamp_ms }])))
        if (i === 30) await broker.server.kill()
        if (i === 40) restarted = broker.server.start()
        await systemClock.sleep(5)
      }
    }
    let restarted: Promise<unknown> | undefined
    await keep()
    await Promise.all([restarted, ...sent])
    const found = [...(await readAll(log, { topic, partition: 0 })), ...(await readAll(log, { topic, partition: 1 }))]
    expect(values(found).toSorted()).toEqual(Array.from({ length: 60 }, (_, i) => `${i}`).toSorted())
  })

  it('B3: a position after which the log was written anew is told apart by its epoch', async () => {
    const topic = await freshTopic()
    await log.produce(topic, numbered('first', 10))
    const before = await outcome(log, topic, 0)
    if (before.kind !== 'records') throw new Error(before.kind)
    await broker.server.kill()
    const away = outcome(await openedBefore(), topic, 3)
    await expect(away).rejects.toMatchObject({ retryable: true })
    await broker.server.start()
    await log.produce(topic, numbered('second', 10))
    const after = await outcome(log, topic, 10, before.epoch)
    if (after.kind !== 'records') throw new Error(after.kind)
    expect(values(seen(after.batches))).toHaveLength(10)
    expect(after.epoch).toBeGreaterThan(before.epoch ?? 99)
    // As if 15 records of the first epoch had been read before it was cut to 10.
    expect(await outcome(log, topic, 15, before.epoch)).toEqual({ kind: 'diverged', end: 10n })
    expect(await outcome(log, topic, 15, after.epoch)).toMatchObject({ kind: 'records', next: 20n })
  })

  async function openedBefore(): Promise<KafkaLog> {
    return shortLog
  }

  let shortLog: KafkaLog
  beforeAll(async () => {
    shortLog = await openAt(broker.plain, { limits: { retry_ms_max: 500 } })
  })
  afterAll(() => shortLog?.close())
})
