import { GetObjectCommand, HeadBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FaultyHttpProxy, NO_HTTP_FAULTS } from '../real-parts/faulty-http-proxy.js'
import {
  type CatalogPart,
  type KafkaPart,
  needs,
  type RegistryPart,
  type S3Part,
  startCatalog,
  startKafka,
  startRegistry,
  startS3,
  startToxiproxy,
  type ToxiproxyPart,
} from '../real-parts/real-parts.js'

const SEED = 11

describe.skipIf(!(await needs('kafka')))('a real Kafka', () => {
  let kafka: KafkaPart
  const admin = async <T>(work: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> => {
    const client = new Kafka({ brokers: [kafka.broker], logLevel: logLevel.NOTHING }).admin()
    await client.connect()
    return work(client).finally(() => client.disconnect())
  }

  beforeAll(async () => {
    kafka = await startKafka({ properties: { 'log.retention.check.interval.ms': '500' } })
  })
  afterAll(() => kafka?.stop())

  it('keeps topics over a crash and a restart on the same port', async () => {
    const { broker } = kafka
    await admin((client) => client.createTopics({ waitForLeaders: true, topics: [{ topic: 't', numPartitions: 3 }] }))
    await kafka.kill()
    await kafka.restart()
    const { topics } = await admin((client) => client.fetchTopicMetadata({ topics: ['t'] }))
    expect(topics[0]?.partitions).toHaveLength(3)
    expect(kafka.broker).toBe(broker)
  })

  it('answers nothing while frozen', async () => {
    kafka.pause()
    const answer = admin((client) => client.listTopics())
    const first = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 500, 'nothing'))])
    kafka.resume()
    expect([first, await answer]).toEqual(['nothing', ['t']])
  })

  it('tells why when it does not start', async () => {
    await expect(startKafka({ properties: { 'log.retention.ms': 'wat' } })).rejects.toThrow(/Invalid value wat/)
    const properties = { 'metric.reporters': 'no.such.Class' }
    await expect(startKafka({ properties })).rejects.toThrow(/kafka did not start: .*\nend of [\s\S]*no\.such\.Class/)
  })
})

describe.skipIf(!(await needs('s3', 'catalog', 'toxiproxy')))('a real S3 store, and what stands before it', () => {
  let s3: S3Part
  let catalog: CatalogPart
  let toxiproxy: ToxiproxyPart
  const clients: S3Client[] = []
  const client = (endpoint: string, maxAttempts = 1): S3Client => {
    const { region, credentials } = s3
    const made = new S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts })
    clients.push(made)
    return made
  }
  const put = (by: S3Client, Key: string, IfNoneMatch?: string) =>
    by.send(new PutObjectCommand({ Bucket: s3.bucket, Key, Body: Key, ...(IfNoneMatch && { IfNoneMatch }) }))
  const get = async (Key: string): Promise<string | undefined> => {
    const { Body } = await client(s3.endpoint).send(new GetObjectCommand({ Bucket: s3.bucket, Key }))
    return Body?.transformToString()
  }

  beforeAll(async () => {
    s3 = await startS3()
    toxiproxy = await startToxiproxy()
    catalog = await startCatalog({ s3 })
  })
  afterAll(async () => {
    for (const made of clients) made.destroy()
    await catalog?.stop()
    await toxiproxy?.stop()
    await s3?.stop()
  })

  it('takes an object once, and refuses wrong credentials', async () => {
    const by = client(s3.endpoint)
    await put(by, 'once', '*')
    await expect(put(by, 'once', '*')).rejects.toMatchObject({ $metadata: { httpStatusCode: 412 } })
    expect(await get('once')).toBe('once')
    const credentials = { ...s3.credentials, secretAccessKey: 'wrong' }
    const otherClient = new S3Client({ endpoint: s3.endpoint, region: s3.region, credentials, forcePathStyle: true })
    clients.push(otherClient)
    await expect(put(otherClient, 'x')).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' })
  })

  it('keeps objects over a crash and a restart on the same port', async () => {
    await put(client(s3.endpoint), 'kept')
    await s3.kill()
    await expect(get('kept')).rejects.toThrow()
    await s3.restart()
    expect(await get('kept')).toBe('kept')
  })

  it(`is reached with valid signatures through the faulty proxy (seed ${SEED})`, async () => {
    const proxy = await FaultyHttpProxy.start({ target: s3.endpoint, seed: SEED })
    try {
      proxy.faults = { ...NO_HTTP_FAULTS, loseResponseOfEveryNthPut: 1 }
      await expect(put(client(proxy.url), 'lost', '*')).rejects.toThrow()
      expect(await get('lost')).toBe('lost')
      proxy.faults = { ...NO_HTTP_FAULTS, status503_fraction: 1 }
      const failure = { name: 'SlowDown', $metadata: { httpStatusCode: 503 } }
      await expect(put(client(proxy.url), 'refused')).rejects.toMatchObject(failure)
      proxy.faults = { ...NO_HTTP_FAULTS, status503_fraction: 0.5 }
      await put(client(proxy.url, 20), 'tried again')
      expect(await get('tried again')).toBe('tried again')
    } finally {
      await proxy.stop()
    }
  })

  it('is slow, hung, reset and cut off through toxiproxy as told', async () => {
    const proxy = await toxiproxy.client.createProxy('store', new URL(s3.endpoint).host)
    const head = async (): Promise<number> => {
      const from_ms = performance.now()
      await client(`http://${proxy.address}`).send(new HeadBucketCommand({ Bucket: s3.bucket }))
      return performance.now() - from_ms
    }
    await head()
    await proxy.addToxic('slow', { type: 'latency', attributes: { latency: 400 } })
    expect(await head()).toBeGreaterThanOrEqual(390)
    await proxy.removeToxic('slow')
    for (const type of ['timeout', 'reset_peer'] as const) {
      await proxy.addToxic(type, { type, attributes: { timeout: 100 } })
      await expect(head()).rejects.toThrow()
      await proxy.removeToxic(type)
    }
    await proxy.down()
    await expect(head()).rejects.toThrow()
    await proxy.up()
    await head()
  })

  it('lies below the catalog, which knows its warehouse and keeps namespaces over a restart', async () => {
    const answer = await fetch(`${catalog.url}/v1/config?warehouse=${catalog.warehouse}`)
    const { defaults } = (await answer.json()) as { defaults: { prefix: string } }
    const namespaces = `${catalog.url}/v1/${defaults.prefix}/namespaces`
    const made = await fetch(namespaces, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ namespace: ['market_data'] }),
    })
    expect(made.status).toBe(200)
    await catalog.restart()
    expect(await (await fetch(namespaces)).json()).toMatchObject({ namespaces: [['market_data']] })
  })
})

describe.skipIf(!(await needs('registry')))('a real schema registry', () => {
  let registry: RegistryPart
  beforeAll(async () => {
    registry = await startRegistry()
  })
  afterAll(() => registry?.stop())

  it('gives a schema by its id, over a crash and a restart, and 404 for an unknown id', async () => {
    const schema = '{"type":"record","name":"R","fields":[]}'
    const registered = await fetch(`${registry.url}/subjects/s-value/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ schema }),
    })
    const { id } = (await registered.json()) as { id: number }
    await registry.kill()
    await registry.restart()
    const found = await fetch(`${registry.url}/schemas/ids/${id}`)
    expect([found.status, await found.json()]).toMatchObject([200, { schema }])
    expect((await fetch(`${registry.url}/schemas/ids/${id + 1_000}`)).status).toBe(404)
  })
})
