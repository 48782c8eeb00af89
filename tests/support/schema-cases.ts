import { readdirSync, readFileSync } from 'node:fs'
import { seededRandom, systemClock } from '@assay/core'
import { openConfluentRegistry, wireHeader } from '@assay/schema-registry'
import { ConfluentServer } from './confluent-server.js'
import { binance, type MemoryLake, memoryLake } from './memory-lake.js'
import { produce, type TestRecord } from './records.js'

interface CaseFile {
  readonly schemas: Readonly<Record<string, unknown>>
  readonly records: readonly { readonly ts: string; readonly key: string; readonly value_hex: string }[]
}

const FOLDER = new URL('../fixtures/cases/', import.meta.url)
const FEE = { type: 'record', name: 'Fee', namespace: 'com.k2.shared', fields: [{ name: 'amount', type: 'long' }] }
const LANGUAGES: Readonly<Record<string, string>> = { '27': 'JSON', '28': 'PROTOBUF' }

/** Cases of writers' schemas and framings, in the order of their offsets in the log of `schemaCaseLake`. */
export const schemaCases: readonly string[] = readdirSync(FOLDER)
  .filter((name) => Number(/^av-(\d\d)-/.exec(name)?.[1]) <= 45)
  .sort()

/** A lake whose log holds all cases, each with schema ids of its own, beside the server that knows their schemas. */
export async function schemaCaseLake(): Promise<{ readonly lake: MemoryLake; readonly server: ConfluentServer }> {
  const server = await ConfluentServer.start()
  const records: TestRecord[] = []
  schemaCases.forEach((name, i) => {
    const { schemas, records: own }: CaseFile = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'))
    const base = 100 * (i + 1)
    for (const [id, schema] of Object.entries(schemas)) {
      const schemaType = LANGUAGES[name.slice(3, 5)]
      server.ids.set(base + Number(id), {
        schema: typeof schema === 'string' ? schema : JSON.stringify(schema),
        ...(schemaType !== undefined && Number(id) > 1 && { schemaType }),
        ...(name.includes('reference') && { references: [{ name: 'Fee', subject: 'fee-value', version: 1 }] }),
      })
    }
    const [record] = own
    const value = Buffer.from(record?.value_hex ?? '', 'hex')
    if (value.length > 5 && value[0] === 0 && value.readInt32BE(1) > 0)
      value.set(wireHeader(base + value.readInt32BE(1)))
    records.push({ key: Buffer.from(name), value, timestamp_ms: BigInt(record?.ts ?? 0) })
  })
  server.versions.set('fee-value/1', { schema: JSON.stringify(FEE) })
  const registry = await openConfluentRegistry({ url: server.url, clock: systemClock, random: seededRandom(1) })
  const lake = memoryLake({ registry })
  await produce(lake, binance, records)
  return { lake, server }
}
