// Reads a lane from its start to `count` records with one client and tells how long that took.
import { position, systemClock, systemRandom } from '@assay/core'
import { openKafkaLog } from '@assay/event-log'
import { childOptions, leaveParent, tellParent } from '../lib/child.mjs'
import { peakMemory_bytes } from '../lib/measure.mjs'

const LIMITS = { maxBytes: 16 * 2 ** 20, maxRecords: 100_000 }
const { client, broker, topic, count } = childOptions()

const CLIENTS = { assay: readWithAssay, kafkajs: readWithKafkajs }

async function readWithAssay(begin) {
  const log = await openKafkaLog({ brokers: [broker], clock: systemClock, random: systemRandom })
  await log.lanes(topic)
  begin()
  let next = position(0)
  for (let left = count; left > 0; ) {
    const read = await log.read({ topic, partition: 0 }, next, LIMITS)
    if (read.kind !== 'records') throw new Error(`${topic} cannot be read at ${next}: ${read.kind}`)
    for (const batch of read.batches) left -= batch.count
    if (read.next === next) throw new Error(`${topic} ends ${left} records early`)
    next = read.next
  }
  return () => log.close()
}

async function readWithKafkajs(begin) {
  const { Kafka, logLevel } = (await import('kafkajs')).default
  const consumer = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING }).consumer({
    groupId: systemRandom.uuid(),
    maxBytesPerPartition: 4 * 2 ** 20,
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  let left = count
  /** @type {Promise<void>} */
  const isRead = new Promise((resolve, reject) => {
    consumer.on(consumer.events.GROUP_JOIN, begin)
    const eachBatch = async ({ batch }) => {
      left -= batch.messages.length
      if (left <= 0) resolve()
    }
    consumer.run({ eachBatch }).catch(reject)
  })
  await isRead
  return () => consumer.disconnect()
}

let began_ms
let usage
const end = await CLIENTS[client](() => {
  began_ms = performance.now()
  usage = process.cpuUsage()
})
const wall_ms = performance.now() - began_ms
const { user, system } = process.cpuUsage(usage)
await tellParent({ wall_ms, cpu_us: user + system, peakMemory_bytes: peakMemory_bytes() })
await end()
leaveParent()
