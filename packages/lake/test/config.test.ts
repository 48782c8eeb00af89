import { readFile } from 'node:fs/promises'
import { UsageError } from '@assay/core'
import { exchanges } from '@assay/exchanges'
import { describe, expect, it } from 'vitest'
import { configurationPage, embeddedParts, readConfig, readLakeParts } from '../src/index.js'
import { SETTINGS } from '../src/settings/config.js'

const EXCHANGES = exchanges.map(({ name }) => name)

function mistakesOf(env: Record<string, string>): string[] {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof UsageError && error.code === 'bad_configuration') return error.message.split('\n')
    throw error
  }
  return []
}

describe('configuration of a service', () => {
  it('has a default for everything', () => {
    expect(readConfig({ PATH: '/bin' })).toEqual({
      parts: embeddedParts('./lake'),
      exchanges: EXCHANGES,
      http: { host: '127.0.0.1', port: 0 },
      commitInterval_ms: 900,
      limits: { maxRows: 114_688, maxBytes: 33_554_432, maxPartitions: 64 },
      keySet_bytes: 536_870_912,
      memory_bytes: 268_435_456,
      threads: 1,
      adopt: false,
      rulesFile: undefined,
      markets: { quotes: [], bases: [], pairs: [] },
      logLevel: 'info',
      grace_ms: 10_000,
      feed: {
        source: 'live',
        symbols: new Map([
          ['binance', ['BTCUSDT', 'ETHUSDT']],
          ['kraken', ['BTC/USD', 'ETH/USD']],
        ]),
        rate: undefined,
        skew: 1,
        burst: undefined,
        ingestTokens: [],
      },
    })
  })

  it('takes every setting from the environment', () => {
    expect(
      readConfig({
        ASSAY_LAKE: '/data/lake',
        ASSAY_COMMIT_INTERVAL_MS: '500',
        ASSAY_BATCH_ROWS: '10',
        ASSAY_BATCH_BYTES: '20',
        ASSAY_KEY_SET_BYTES: '1048576',
        ASSAY_MEMORY_BYTES: '67108864',
        ASSAY_THREADS: '2',
        ASSAY_ADOPT: 'true',
        ASSAY_RULES_FILE: '/etc/rules.json',
        ASSAY_QUOTES: 'XEUR, U',
        ASSAY_BASES: 'ZZ',
        ASSAY_PAIRS: 'ARB/USD',
        ASSAY_LOG_LEVEL: 'debug',
        ASSAY_GRACE_MS: '100',
        ASSAY_EXCHANGES: 'kraken',
        ASSAY_HTTP_HOST: '0.0.0.0',
        ASSAY_HTTP_PORT: '8080',
        ASSAY_FEED: 'simulated',
        ASSAY_SYMBOLS: 'binance:币安人生USDT;kraken:SOL/EUR,AAPLx/USD',
        ASSAY_FEED_RATE: '12.5',
        ASSAY_FEED_SKEW: '0',
        ASSAY_FEED_BURST: '5/60',
        ASSAY_INGEST_TOKENS: 'a-token-of-sixteen,another-one-of-them',
      }),
    ).toEqual({
      parts: embeddedParts('/data/lake'),
      exchanges: ['kraken'],
      http: { host: '0.0.0.0', port: 8080 },
      commitInterval_ms: 500,
      limits: { maxRows: 10, maxBytes: 20, maxPartitions: 64 },
      keySet_bytes: 1_048_576,
      memory_bytes: 67_108_864,
      threads: 2,
      adopt: true,
      rulesFile: '/etc/rules.json',
      markets: { quotes: ['XEUR', 'U'], bases: ['ZZ'], pairs: ['ARB/USD'] },
      logLevel: 'debug',
      grace_ms: 100,
      feed: {
        source: 'simulated',
        symbols: new Map([
          ['binance', ['币安人生USDT']],
          ['kraken', ['SOL/EUR', 'AAPLx/USD']],
        ]),
        rate: 12.5,
        skew: 0,
        burst: { factor: 5, every_seconds: 60 },
        ingestTokens: ['a-token-of-sixteen', 'another-one-of-them'],
      },
    })
  })

  it('lists every mistake at once', () => {
    const mistakes = mistakesOf({
      ASSAY_LAKE: 'ftp://host/lake',
      ASSAY_BATCH_ROWS: '0',
      ASSAY_THREADS: 'abc',
      ASSAY_ADOPT: 'yes',
      ASSAY_LOG_LEVEL: '',
      ASSAY_COMIT_INTERVAL_MS: '5',
      ASSAY_QUOTES: 'EUR,,USD',
      ASSAY_PAIRS: 'ARBUSD',
    })
    expect(mistakes).toHaveLength(8)
    expect(mistakes).toContain(
      'ASSAY_PAIRS must be at most 10000 pairs like BASE/QUOTE, with commas between, not "ARBUSD"',
    )
    expect(mistakes).toContain('ASSAY_THREADS must be a whole number from 1 to 256, not "abc"')
    expect(mistakes).toContain('ASSAY_BATCH_ROWS must be a whole number from 1 to 1000000, not "0"')
    expect(mistakes).toContain('ASSAY_COMIT_INTERVAL_MS is not a setting; did you mean ASSAY_COMMIT_INTERVAL_MS?')
  })

  it.each(['1e3', ' 5', '0x10', '1.0', '-1', '', '99999999999999999999'])('takes no number like "%s"', (text) => {
    expect(mistakesOf({ ASSAY_BATCH_ROWS: text })).toHaveLength(1)
  })

  it('takes the settings of topics and producers, and none that would have no effect', () => {
    const kafka = { ASSAY_KAFKA_BROKERS: 'one:9092' }
    const settings = {
      ASSAY_TOPIC_REPLICATION_FACTOR: '3',
      ASSAY_TOPIC_MIN_INSYNC_REPLICAS: '2',
      ASSAY_PRODUCER_LINGER_MS: '0',
      ASSAY_PRODUCER_BATCH_BYTES: '65536',
      ASSAY_PRODUCER_COMPRESSION: 'gzip',
    }
    expect(readLakeParts({ ...kafka, ...settings, ASSAY_TOPIC_PARTITIONS: '12' }, undefined)).toMatchObject({
      topicPartitions: 12,
      log: {
        topics: { replicationFactor: 3, minInsyncReplicas: 2 },
        producer: { linger_ms: 0, batch_bytes: 65_536, compression: 'gzip' },
      },
    })
    expect(readLakeParts(kafka, undefined)).toMatchObject({ topicPartitions: 4, log: { topics: {}, producer: {} } })
    for (const [name, value] of Object.entries(settings)) {
      expect(mistakesOf({ [name]: value })).toEqual([
        'ASSAY_KAFKA_BROKERS is missing: settings of its topics or producers are given',
      ])
    }
    expect(mistakesOf({ ...kafka, ...settings, ASSAY_TOPIC_REPLICATION_FACTOR: '1' })).toEqual([
      'ASSAY_TOPIC_MIN_INSYNC_REPLICAS is above ASSAY_TOPIC_REPLICATION_FACTOR: nothing could be written',
    ])
    for (const wrong of [{ ASSAY_TOPIC_PARTITIONS: '0' }, { ASSAY_PRODUCER_COMPRESSION: 'snappy' }]) {
      expect(mistakesOf({ ...kafka, ...wrong })).toHaveLength(1)
    }
  })

  it('puts the real parts of a lake together', () => {
    const parts = readLakeParts(
      {
        ASSAY_KAFKA_BROKERS: 'one:9092, two:9093',
        ASSAY_KAFKA_TLS: 'true',
        ASSAY_KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
        ASSAY_KAFKA_SASL_USERNAME: 'assay',
        ASSAY_KAFKA_SASL_PASSWORD: 'secret',
        ASSAY_REGISTRY_URL: 'http://registry:8081/apis/ccompat/v7/',
        ASSAY_S3_ENDPOINT: 'http://object-store:9000',
        ASSAY_S3_PATH_STYLE: 'true',
      },
      's3://trades/lakes/one/',
    )
    expect(parts).toMatchObject({
      store: {
        kind: 's3',
        bucket: 'trades',
        prefix: 'lakes/one',
        pathStyle: true,
        endpoint: 'http://object-store:9000',
      },
      log: {
        kind: 'kafka',
        brokers: ['one:9092', 'two:9093'],
        tls: { ca: undefined, client: undefined },
        sasl: { mechanism: 'SCRAM-SHA-512', username: 'assay', password: 'secret' },
      },
      registry: { kind: 'confluent', url: 'http://registry:8081/apis/ccompat/v7', auth: undefined },
      catalog: { kind: 'file_system' },
    })
  })

  it.each([
    [{ ASSAY_KAFKA_BROKERS: 'broker' }, 'host:port'],
    [{ ASSAY_KAFKA_BROKERS: 'b:1', ASSAY_KAFKA_SASL_MECHANISM: 'PLAIN' }, 'ASSAY_KAFKA_SASL_USERNAME'],
    [{ ASSAY_KAFKA_BROKERS: 'b:1', ASSAY_KAFKA_SASL_MECHANISM: 'OAUTHBEARER' }, 'ASSAY_KAFKA_SASL_TOKEN_FILE'],
    [{ ASSAY_KAFKA_BROKERS: 'b:1', ASSAY_KAFKA_TLS_CA_FILE: 'ca.pem' }, 'ASSAY_KAFKA_TLS must be true'],
    [{ ASSAY_REGISTRY_PASSWORD: 'secret' }, 'ASSAY_REGISTRY_URL is missing'],
    [{ ASSAY_REGISTRY_URL: 'http://user:secret@registry' }, 'must hold no user, password or token'],
    [{ ASSAY_CATALOG_TOKEN: 'secret' }, 'ASSAY_CATALOG_URL is missing'],
    [{ ASSAY_CATALOG_URL: 'x', ASSAY_CATALOG_TOKEN: 'secret' }, 'ASSAY_CATALOG_URL must be an address'],
  ])('refuses %j and repeats no secret', (env, message) => {
    const text = mistakesOf(env).join('\n')
    expect(text).toContain(message)
    expect(text).not.toContain('secret')
  })

  it('lists what does not go together with what is wrong by itself, but nothing that only follows from it', () => {
    const one = { ASSAY_BATCH_ROWS: 'many', ASSAY_REGISTRY_PASSWORD: 'p', ASSAY_CATALOG_WAREHOUSE: 'w' }
    expect(mistakesOf({ ...one, ASSAY_CATALOG_URL: 'no address' })).toEqual([
      expect.stringContaining('ASSAY_CATALOG_URL must be'),
      expect.stringContaining('ASSAY_BATCH_ROWS must be'),
      'ASSAY_REGISTRY_URL is missing: there is a login for it',
    ])
  })

  it('no setting but those for secrets takes an address with one in it, and no message repeats it', () => {
    const texts = [
      'user:hunter2@host:9092',
      'hunter2@host:9092',
      'user:hunter2@host',
      'https://user:hunter2@host:9000/path',
      'https://hunter2@host',
      'https://host:9000/path?token=hunter2',
      'https://host/path?hunter2',
      'https://host/path#key=hunter2',
      'https://host/a@hunter2',
      's3://key:hunter2@bucket/prefix',
      's3://bucket/prefix?secret=hunter2',
      's3:/key:hunter2@bucket/prefix',
      'http://hunter2/lake',
    ]
    const isSecret = (name: string): boolean => /(USERNAME|PASSWORD|TOKENS?|CREDENTIAL)$/.test(name)
    const isAddress = (name: string): boolean => /(LAKE|BROKERS|URL|ENDPOINT)$/.test(name)
    // The host of an address is told, and is no secret; names and folders with an @ in them are names and folders.
    const isTold = (name: string, text: string): boolean =>
      text === 'http://hunter2/lake' ||
      ((!isAddress(name) || (name === 'ASSAY_LAKE' && !text.includes(':/'))) && !/:hunter2@|=hunter2/.test(text))
    for (const name of Object.keys(SETTINGS)) {
      for (const text of texts) {
        const mistakes = mistakesOf({ [name]: text })
        if (isAddress(name) || isSecret(name)) expect(mistakes.join(), name).not.toContain('hunter2')
        if (!isTold(name, text) && !isSecret(name)) {
          expect(mistakes, `${name}=${text}`).toHaveLength(1)
          expect(mistakes[0]).not.toContain('hunter2')
        }
      }
    }
  })

  it.each([
    [{ ASSAY_EXCHANGES: 'binance,binence' }, `names "binence"; known are ${EXCHANGES.join(', ')}`],
    [{ ASSAY_EXCHANGES: '' }, `known are ${EXCHANGES.join(', ')}`],
    [{ ASSAY_SYMBOLS: 'binance:btcusdt,BTC-USD' }, 'binance has no symbol like "btcusdt", but like BTCUSDT'],
    [{ ASSAY_SYMBOLS: 'binance:btcusdt,BTC-USD' }, '"BTC-USD"'],
    [{ ASSAY_SYMBOLS: 'BTCUSDT' }, '"BTCUSDT" does not begin with an exchange and a colon'],
    [{ ASSAY_SYMBOLS: 'kraken:BTC/USD;kraken:ETH/USD' }, 'kraken is named twice'],
    [{ ASSAY_SYMBOLS: `binance:${Array.from({ length: 201 }, (_, i) => `S${i}X`)}` }, 'at most 200 symbols'],
    [{ ASSAY_FEED_BURST: '5' }, 'like 5/60'],
    [{ ASSAY_FEED_BURST: '500/60' }, 'like 5/60'],
    [{ ASSAY_FEED_RATE: '0' }, 'must be usual or from 1'],
    [{ ASSAY_INGEST_TOKENS: 'short-secret' }, 'tokens of 16 to 512'],
    [{ ASSAY_HTTP_PORT: '65536' }, 'from 0 to 65535'],
  ])('refuses %j and says why', (env, message) => {
    const mistakes = mistakesOf(env)
    expect(mistakes).toHaveLength(1)
    expect(mistakes[0]).toContain(message)
    expect(mistakes[0]).not.toContain('secret')
  })

  it('suggests nothing for a name that is like no other', () => {
    expect(mistakesOf({ ASSAY_SOMETHING_ELSE_ALTOGETHER: '1' })).toEqual([
      'ASSAY_SOMETHING_ELSE_ALTOGETHER is not a setting',
    ])
  })

  it('has defaults that are themselves accepted', () => {
    const env = Object.fromEntries(Object.entries(SETTINGS).map(([name, { fallback }]) => [name, fallback]))
    expect(readConfig(env)).toEqual(readConfig({}))
  })

  it('is described by a page that is current', async () => {
    const page = await readFile(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')
    expect(page, 'run: node docs/write-configuration.mjs').toBe(configurationPage())
  })
})
