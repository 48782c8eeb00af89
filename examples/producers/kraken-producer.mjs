// Writes two trades and one bad record to Assay: node kraken-producer.mjs (see docs/producers.md).
import { readFile } from 'node:fs/promises'
import avsc from 'avsc'
import { Kafka } from 'kafkajs'

const BROKERS = process.env.ASSAY_KAFKA_BROKERS ?? 'localhost:9092'
const REGISTRY = process.env.ASSAY_REGISTRY_URL ?? 'http://localhost:8081'
const TOPIC = 'market.crypto.trades.kraken.raw'
const SCHEMA = new URL('../../schemas/KrakenRawTrade.avsc', import.meta.url)

/** The schema's id. The same schema always has the same one; an incompatible schema is refused (409). */
async function register(subject, schema) {
  const answer = await fetch(`${REGISTRY}/subjects/${subject}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema }),
  })
  if (!answer.ok) throw new Error(`the registry answers ${answer.status}: ${await answer.text()}`)
  return (await answer.json()).id
}

/** Makes the topic as Assay's own feed would; one that is there stays as it is. */
async function ensureTopic(kafka) {
  const admin = kafka.admin()
  await admin.connect()
  const configEntries = [
    { name: 'cleanup.policy', value: 'delete' },
    { name: 'message.timestamp.type', value: 'CreateTime' },
    { name: 'retention.ms', value: '-1' },
  ]
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 4, configEntries }] })
  await admin.disconnect()
}

/** Confluent's frame: a zero byte, the id in four bytes, big-endian, and the Avro body. */
function frame(schemaId, type, record) {
  const header = Buffer.alloc(5)
  header.writeInt32BE(schemaId, 1)
  return Buffer.concat([header, type.toBuffer(record)])
}

function trade(trade_id, price, side) {
  const now_ms = Date.now()
  return {
    channel_id: 0,
    price,
    volume: '0.5',
    timestamp: (now_ms / 1000).toFixed(6),
    side,
    order_type: 'l',
    misc: '',
    pair: 'XBT/USD',
    ingestion_timestamp: now_ms * 1000,
    trade_id,
    fill_number: null,
  }
}

const text = await readFile(SCHEMA, 'utf8')
const type = avsc.Type.forSchema(JSON.parse(text), { wrapUnions: false })
const schemaId = await register(`${TOPIC}-value`, text)
const kafka = new Kafka({ clientId: 'kraken-producer', brokers: BROKERS.split(',') })
await ensureTopic(kafka)

const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
await producer.connect()
// The third has no side that there is: Assay keeps it as a dead letter with the reason.
const records = [trade(1, '68000.1', 'b'), trade(2, '68000.2', 's'), trade(3, '68000.3', 'x')]
const sent = await producer.send({
  topic: TOPIC,
  acks: -1,
  messages: records.map((record) => ({ key: record.pair, value: frame(schemaId, type, record) })),
})
for (const { topicName, partition, baseOffset } of sent) console.log(`${topicName}/${partition}/${baseOffset}`)
await producer.disconnect()
