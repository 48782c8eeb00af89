import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemRandom } from '@assay/core'
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

/** Makes the exchange's topic, registers its schema, and gives simulated batches ready to be produced. */
export async function simulation(lake, name, partitions, options) {
  const exchange = lake.exchanges.find((one) => one.name === name)
  await lake.log.ensureTopic(exchange.topic, partitions)
  const schemaId = await lake.registry.register(`${exchange.topic}-value`, exchange.schema)
  return { topic: exchange.topic, ...simulate({ exchange, schemaId, wireHeader, ...options }) }
}

export function tableNamed(lake, name) {
  return lake.table(lake.definitions.find((definition) => definition.name === name))
}
