import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { bytesColumn, nullColumn, systemClock, systemRandom } from '@assay/core'
import { openKafkaLog } from '@assay/event-log'
import { PARTS } from '../../scripts/real-parts-lib/parts.mjs'
import { freePorts, Server } from '../../scripts/real-parts-lib/server.mjs'
import { newCredentials } from '../../scripts/real-parts-lib/surroundings.mjs'
import { runChild } from '../lib/child.mjs'
import { withFolder } from '../lib/lakes.mjs'
import { median, round } from '../lib/measure.mjs'
import { measureFreshness } from './freshness.mjs'

const RUNS = 3
const BATCH = 5_000
const MIB = 2 ** 20
const VALUE_BYTES = 73
const LATENCY_RATE = 1_000

/** librdkafka by way of Python: where BENCH_PYTHON names an interpreter that has confluent-kafka. */
const PYTHON = process.env.BENCH_PYTHON
const LIBRDKAFKA = `
import json, resource, sys, time
from confluent_kafka import Consumer, TopicPartition
broker, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
c = Consumer({'bootstrap.servers': broker, 'group.id': 'bench', 'enable.auto.commit': False, 'check.crcs': True,
              'queued.max.messages.kbytes': 65536, 'fetch.message.max.bytes': 4194304})
c.assign([TopicPartition(topic, 0, 0)])
began, before, left = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF), count
while left > 0:
    left -= len(c.consume(10000, 1.0))
used = resource.getrusage(resource.RUSAGE_SELF)
cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
print(json.dumps({'wall_ms': (time.monotonic() - began) * 1e3, 'cpu_us': cpu * 1e6, 'peakMemory_bytes': used.ru_maxrss * 1024}))
`

/** How fast one lane of a real broker is read, by us and by others, and how soon a record can be read once produced. */
export function measureKafka({ count, rate, seconds, threads }, say) {
  return withFolder(async (folder) => {
    say('kafka: starting a broker')
    const place = {
      installed: await PARTS.kafka.install(),
      folder,
      ports: await freePorts(PARTS.kafka.portNames),
      credentials: newCredentials(),
    }
    const server = new Server(PARTS.kafka, place, { detached: false })
    await server.start()
    try {
      const broker = `127.0.0.1:${place.ports.broker}`
      const clients = await measure(broker, count, say)
      const freshness = await measureFreshness({ rate, seconds, threads, broker, table: 'bronze_binance_trades' }, say)
      const bronze = await bronzeOn(broker, count, threads, say)
      return { ...clients, bronze, freshness }
    } finally {
      await server.kill()
    }
  })
}

/** Simulated trades of one lane that wait at the broker, taken into bronze by one worker. */
function bronzeOn(broker, count, threads, say) {
  return withFolder(async (directory) => {
    say(`kafka: producing ${count} trades, then taking them into bronze`)
    const counts = { binance: count }
    await runChild('load', { directory, broker, counts, partitions: 1, simulated: { seed: 7 } })
    const { wall_ms, cpuUser_us, cpuSystem_us, peakMemory_bytes, workers } = await runChild('drain', {
      directory,
      broker,
      layers: ['bronze'],
      threads,
    })
    const { records } = workers['bronze-binance']
    return {
      records_per_second: Math.round((records / wall_ms) * 1000),
      cpu_us_per_record: round((cpuUser_us + cpuSystem_us) / records),
      peakMemory_mib: Math.round(peakMemory_bytes / MIB),
    }
  })
}

async function measure(broker, count, say) {
  const log = await openKafkaLog({ brokers: [broker], clock: systemClock, random: systemRandom })
  try {
    say(`kafka: producing ${count} records`)
    const produced = await produce(log, count)
    await producePlain(broker, count)
    const consumed = {}
    for (const [topic, client] of clients(say)) {
      say(`kafka: reading ${topic} with ${client}`)
      const runs = []
      for (let i = 0; i < RUNS; i += 1) runs.push(await consume(client, { broker, topic, count }))
      consumed[`${client}, ${topic}`] = {
        records_per_second: Math.round((count / median(runs.map(({ wall_ms }) => wall_ms))) * 1000),
        cpu_us_per_record: round(median(runs.map(({ cpu_us }) => cpu_us)) / count),
        peakMemory_mib: Math.round(median(runs.map(({ peakMemory_bytes }) => peakMemory_bytes)) / MIB),
      }
    }
    return { records: count, produced_per_second: produced, consumed, latency_ms: await latency(log, say) }
  } finally {
    await log.close()
  }
}

function clients(say) {
  const all = [
    ['plain', 'assay'],
    ['lz4', 'assay'],
    ['plain', 'kafkajs'],
  ]
  if (PYTHON) return [...all, ['plain', 'librdkafka'], ['lz4', 'librdkafka']]
  say('kafka: librdkafka is left out (BENCH_PYTHON names no Python that has confluent-kafka)')
  return all
}

async function consume(client, options) {
  if (client !== 'librdkafka' || PYTHON === undefined) return runChild('consume', { client, ...options })
  const { broker, topic, count } = options
  const { stdout } = await promisify(execFile)(PYTHON, ['-c', LIBRDKAFKA, broker, topic, String(count)])
  return JSON.parse(stdout)
}

function values(from, count) {
  return Array.from({ length: count }, (_, i) => {
    const value = Buffer.alloc(VALUE_BYTES, '1234567890')
    value.writeUInt32BE(from + i)
    value.writeDoubleBE(systemRandom.unit(), 12)
    return value
  })
}

function toBatch(rows) {
  return {
    count: rows.length,
    timestamps_ms: new BigInt64Array(rows.length).fill(BigInt(systemClock.now_ms())),
    keys: bytesColumn(rows.map(() => Buffer.from('BTCUSDT'))),
    values: bytesColumn(rows),
    headers: nullColumn(rows.length),
  }
}

/** Records a second; our own producer compresses with LZ4. */
async function produce(log, count) {
  await log.ensureTopic('lz4', 1)
  let busy_ms = 0
  for (let from = 0; from < count; from += 4 * BATCH) {
    const batches = [0, 1, 2, 3].map((i) =>
      toBatch(values(from + i * BATCH, Math.min(BATCH, count - from - i * BATCH))),
    )
    const began_ms = performance.now()
    await Promise.all(batches.map((batch) => log.produce('lz4', batch)))
    busy_ms += performance.now() - began_ms
  }
  return Math.round((count / busy_ms) * 1000)
}

async function producePlain(broker, count) {
  const { Kafka, logLevel } = (await import('kafkajs')).default
  const client = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING })
  const admin = client.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'plain' }], waitForLeaders: true })
  await admin.disconnect()
  const producer = client.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (let from = 0; from < count; from += BATCH) {
    const messages = values(from, Math.min(BATCH, count - from)).map((value) => ({ key: 'BTCUSDT', value }))
    await producer.send({ topic: 'plain', messages })
  }
  await producer.disconnect()
}

/** From just before a record is produced, a thousand times a second in tens, to when a waiting reader has it. */
async function latency(log, say) {
  say('kafka: from produce to read')
  await log.ensureTopic('latency', 1)
  const lane = { topic: 'latency', partition: 0 }
  const total = 5 * LATENCY_RATE
  const sent_ms = []
  const waits_ms = []
  const reading = (async () => {
    for (let next = 0n; next < total; ) {
      await log.waitForRecords([{ lane, position: next }], 10_000)
      const read = await log.read(lane, next, { maxBytes: MIB, maxRecords: 100_000 })
      const now_ms = performance.now()
      for (let i = next; i < read.next; i += 1n) waits_ms.push(now_ms - sent_ms[Number(i)])
      next = read.next
    }
  })()
  const producer = []
  for (let i = 0; i < total; i += 10) {
    const now_ms = performance.now()
    for (let j = 0; j < 10; j += 1) sent_ms.push(now_ms)
    producer.push(log.produce('latency', toBatch(values(i, 10))))
    await systemClock.sleep(10)
  }
  await Promise.all([reading, ...producer])
  const sorted = waits_ms.sort((a, b) => a - b)
  const at = (fraction) => round(sorted[Math.floor(fraction * (sorted.length - 1))])
  return { p50: at(0.5), p99: at(0.99), greatest: at(1) }
}
