import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom, systemClock, systemRandom } from '@assay/core'
import { simulate } from '@assay/exchanges'
import { embeddedParts, openLake } from '@assay/lake'
import { wireHeader } from '@assay/schema-registry'

/** Calls with the path of an empty folder, which is removed afterwards. */
export async function withFolder(use) {
  const folder = await mkdtemp(join(tmpdir(), 'assay-bench-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * A lake in a folder; its log is the embedded one, or a broker's.
 * @param {string} directory
 * @param {Omit<Partial<Parameters<typeof openLake>[0]>, 'parts'> & { readonly broker?: string | undefined }} options
 */
export function openBenchLake(directory, { broker, ...options } = {}) {
  const parts =
    broker === undefined ? embeddedParts(directory) : { ...embeddedParts(directory), log: kafkaPart(broker) }
  return openLake({ parts, clock: systemClock, random: systemRandom, ...options })
}

/** @returns {import('@assay/lake').LakeParts['log']} */
function kafkaPart(broker) {
  return { kind: 'kafka', brokers: [broker], tls: undefined, sasl: undefined, topics: {}, producer: {} }
}

/** A lake with the same log and schemas, and no tables. */
export async function copyLog(from, to) {
  for (const part of ['log', 'schemas']) await cp(join(from, part), join(to, part), { recursive: true })
}

/**
 * Makes the exchange's topic, registers its schema, and gives simulated batches ready to be produced; with `padding_bytes`
 * in values that have a field more, of so many bytes that don't compress well.
 * @param {Awaited<ReturnType<typeof openBenchLake>>} lake
 * @param {string} name
 * @param {number} partitions
 * @param {Omit<Parameters<typeof simulate>[0], 'exchange' | 'schemaId' | 'wireHeader'> & { padding_bytes?: number }} options
 */
export async function simulation(lake, name, partitions, { padding_bytes = 0, ...options }) {
  const known = lake.exchanges.find((one) => one.name === name)
  if (!known) throw new Error(`there is no exchange ${name}`)
  const exchange = padding_bytes > 0 ? padded(known, padding_bytes) : known
  await lake.log.ensureTopic(exchange.topic, partitions)
  const schemaId = await lake.registry.register(`${exchange.topic}-value`, exchange.schema)
  return { topic: exchange.topic, ...simulate({ exchange, schemaId, wireHeader, ...options }) }
}

function padded(exchange, bytes) {
  const schema = JSON.parse(exchange.schema)
  schema.fields.push({ name: 'padding', type: 'string', default: '' })
  const random = seededRandom(bytes)
  const texts = Array.from({ length: 997 }, () => {
    const text = Array.from({ length: Math.ceil(bytes / 8) }, () => random.unit().toString(36).slice(2, 10))
    return text.join('').padEnd(bytes, '0').slice(0, bytes)
  })
  return {
    ...exchange,
    schema: JSON.stringify(schema),
    record: (trade) => ({ ...exchange.record(trade), padding: texts[trade.trade_id % texts.length] }),
  }
}

export function tableNamed(lake, name) {
  return lake.table(lake.definitions.find((definition) => definition.name === name))
}
