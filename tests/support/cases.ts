import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Exchange } from '@assay/exchanges'
import { type LoadReport, loadSources, openSources, type TimeBounds } from '@assay/feed'
import type { Lake } from '@assay/lake'
import { produce } from './records.js'

const CASES = new URL('../fixtures/cases/', import.meta.url)

/** The file of a case, by how its name begins. */
export function caseNamed(start: string): string {
  const [name, ...others] = readdirSync(CASES).filter((file) => file.startsWith(`${start}-`))
  if (name === undefined || others.length > 0) throw new Error(`${start} names no case, or several`)
  return name
}

/** The path of a case's file. */
export function casePath(name: string): string {
  return fileURLToPath(new URL(name, CASES))
}

/** Loads files of cases, in order, as `assay load` does. */
export async function loadCases(
  lake: Lake,
  exchange: Exchange,
  names: readonly string[],
  bounds: Partial<TimeBounds> = {},
): Promise<LoadReport> {
  const sources = await openSources(names.map(casePath), emptyInput())
  const signal = new AbortController().signal
  return loadSources(lake, { exchange, sources, bounds, signal, onProgress: () => undefined })
}

async function* emptyInput(): AsyncGenerator<Uint8Array, void, undefined> {}

/** A record of a case as a producer of another make wrote it, and the schemas that it goes by. */
interface RecordCase {
  readonly schemas: Readonly<Record<string, unknown>>
  readonly records: readonly { readonly ts: string; readonly key: string | null; readonly value_hex: string }[]
}

/** Puts a case's records into the log, under the schema id that the lake's registry gives out. */
export async function produceCase(lake: Lake, exchange: Exchange, name: string): Promise<void> {
  const { schemas, records } = JSON.parse(readFileSync(casePath(name), 'utf8')) as RecordCase
  for (const [id, schema] of Object.entries(schemas)) {
    const given = await lake.registry.register(`${exchange.topic}-value`, JSON.stringify(schema))
    if (given !== Number(id)) throw new Error(`the registry gave out ${given}, not ${id}`)
  }
  await produce(
    lake,
    exchange,
    records.map(({ ts, key, value_hex }) => ({
      key: Buffer.from(key ?? ''),
      value: new Uint8Array(Buffer.from(value_hex, 'hex')),
      timestamp_ms: BigInt(ts),
    })),
  )
}
