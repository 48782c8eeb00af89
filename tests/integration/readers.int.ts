import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Clock, systemClock, systemRandom } from '@assay/core'
import { quoteIdentifier } from '@assay/engine'
import { loadSources, openSources, simulateFeed } from '@assay/feed'
import { embeddedParts, type Lake, openLake, runWorkers } from '@assay/lake'
import { CHECKPOINT_PROPERTY, DEFAULT_LIMITS, type TableDefinition, type WorkerEvent } from '@assay/pipeline'
import { openQuery } from '@assay/query'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasPython, pythonWith, READER_PACKAGES, runPython } from '../../packages/iceberg/test/python-readers.js'
import { checkInvariants } from '../support/invariants.js'

/** What one reader found in one table; values are texts, so that decimals stay exact. */
interface Found {
  readonly rows: number
  readonly sums: Readonly<Record<string, string | null>>
  readonly ranges: Readonly<Record<string, readonly [string | null, string | null]>>
}

interface FoundByPyIceberg extends Found {
  readonly fields: Readonly<Record<string, number>>
  readonly partitionFields: readonly string[]
  /** Rows by the JSON text of the partition's values. */
  readonly partitionRows: Readonly<Record<string, number>>
  readonly files: number
  readonly properties: Readonly<Record<string, string>>
}

type FoundByAll = Readonly<Record<string, { readonly pyiceberg: FoundByPyIceberg; readonly duckdb: Found }>>

const SUMS = ['price', 'quantity', 'offset', 'kafka_offset', 'source_sequence', 'kept_offset']
const RANGES = ['price', 'quantity', 'offset', 'kafka_offset', 'symbol', 'trade_date', 'exchange_date', 'dlq_date']
const PARTITIONS = 3
/** Commits of this much apart make snapshots expire and their files be deleted within the test. */
const COMMIT_MS = 10_000

/** The machine's clock, moved on by every commit. */
class HurriedClock implements Clock {
  #ahead_ms = 0

  now_ms(): number {
    return Date.now() + this.#ahead_ms
  }

  monotonic_ms(): number {
    return performance.now() + this.#ahead_ms
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal)
  }

  advance(ms: number): void {
    this.#ahead_ms += ms
  }
}

describe.skipIf(!hasPython())('A4: other engines read what the pipeline wrote', () => {
  const clock = new HurriedClock()
  const lakes: Lake[] = []
  let python: string
  let script: string
  let folder: string

  const open = async (): Promise<Lake> => {
    const lake = await openLake({ parts: embeddedParts(join(folder, 'lake')), clock, random: systemRandom, threads: 2 })
    lakes.push(lake)
    return lake
  }

  /** Drains the log with every lake's workers at once. */
  const drain = async (rows: number, ...by: Lake[]): Promise<WorkerEvent[]> => {
    const events: WorkerEvent[] = []
    const onEvent = (event: WorkerEvent): void => {
      events.push(event)
      if (event.kind === 'committed') clock.advance(COMMIT_MS)
    }
    const limits = { ...DEFAULT_LIMITS, maxRows: rows }
    const options = { drain: true, adopt: false, interval_ms: 0, limits, onEvent }
    await Promise.all(by.map((lake) => runWorkers(lake, options, new AbortController().signal)))
    return events
  }

  const readByOthers = async (lake: Lake): Promise<FoundByAll> => {
    const requests = []
    for (const definition of lake.definitions) {
      const { metadataLocation } = (await (await lake.table(definition)).pin()).version
      const has = (name: string): boolean => definition.columns.some((column) => column.name === name)
      requests.push({
        name: definition.name,
        location: metadataLocation,
        sums: SUMS.filter(has),
        ranges: RANGES.filter(has),
      })
    }
    const input = join(folder, 'requests.json')
    await writeFile(input, JSON.stringify(requests))
    return (await runPython(python, script, [input])) as FoundByAll
  }

  const compareAll = async (lake: Lake): Promise<void> => {
    const found = await readByOthers(lake)
    for (const definition of lake.definitions) {
      const { pyiceberg, duckdb } = found[definition.name] ?? {}
      const own = await readOurselves(lake, definition)
      const { rows, sums, ranges } = own
      expect(duckdb, `${definition.name} by DuckDB`).toEqual({ rows, sums, ranges })
      expect(pyiceberg, `${definition.name} by PyIceberg`).toMatchObject(own)
    }
  }

  beforeAll(async () => {
    python = await pythonWith(READER_PACKAGES)
    script = await readFile(new URL('read_tables.py', import.meta.url), 'utf8')
    folder = await mkdtemp(join(tmpdir(), 'readers-'))
  })

  afterAll(async () => {
    for (const lake of lakes) await lake.close()
    if (folder) await rm(folder, { recursive: true, force: true })
  })

  it('recorded trades, a few commits', async () => {
    const lake = await open()
    for (const exchange of lake.exchanges) {
      await lake.log.ensureTopic(exchange.topic, PARTITIONS)
      const sources = await openSources(
        exchange.samples.map((sample) => fileURLToPath(sample)),
        process.stdin,
      )
      const { signal } = new AbortController()
      await loadSources(lake, { exchange, sources, signal, onProgress: () => undefined })
    }
    await drain(1_000, lake)
    await checkInvariants(lake)
    await compareAll(lake)
  })

  it('hundreds of commits by two processes: lost races, compactions, merged manifests, expiry and clean-up', async () => {
    const [first, second] = [lakes[0] ?? (await open()), await open()]
    for (const exchange of first.exchanges) {
      const options = { count: 2_500, seed: 5, duplicates: 0.05, invalid: 0.05, late: 0.01, partitions: PARTITIONS }
      const { signal } = new AbortController()
      await simulateFeed(first, { exchange, signal, onProgress: () => undefined, ...options })
    }
    const events = await drain(34, first, second)
    expect(events.filter(({ kind }) => kind === 'refused').length).toBeGreaterThan(0)
    expect(events.filter(({ kind }) => kind === 'outage')).toEqual([])
    await checkInvariants(first)

    const gold = first.definitions.find(({ name }) => name === 'gold_crypto_trades')
    if (!gold) throw new Error('there is no gold')
    const { metadata, tableKey } = (await (await first.table(gold)).pin()).version
    expect(metadata.lastSequenceNumber).toBeGreaterThan(140)
    expect(metadata.snapshots.length).toBeLessThan(140)
    expect(await first.store.get(`${tableKey}/metadata/v1.metadata.json`)).toBeUndefined()
    expect(Number(metadata.snapshots.at(-1)?.summary['total-data-files'])).toBeLessThan(200)
    await compareAll(first)
  }, 600_000)
})

/** The same figures by Assay's own query engine, metadata and definitions. */
async function readOurselves(lake: Lake, definition: TableDefinition) {
  const query = await openQuery(lake, { maxRows: 10_000, timeout_ms: 60_000 })
  const { columns, partitionBy, name } = definition
  const has = (wanted: string): boolean => columns.some((column) => column.name === wanted)
  const rowsOf = async (select: string): Promise<readonly (readonly unknown[])[]> =>
    (
      await query.run(
        `SELECT ${select} FROM ${quoteIdentifier(name)} ${select.includes('count(*) AS n') ? 'GROUP BY ALL' : ''}`,
      )
    ).rows
  const one = async (expressions: readonly string[]): Promise<readonly (string | null)[]> => {
    const select = expressions.map((expression) => `CAST(${expression} AS VARCHAR)`).join(', ')
    return ((await rowsOf(select))[0] ?? []) as readonly (string | null)[]
  }
  try {
    const sums: Record<string, string | null> = {}
    for (const column of SUMS.filter(has)) sums[column] = (await one([`sum(${quoteIdentifier(column)})`]))[0] ?? null
    const ranges: Record<string, [string | null, string | null]> = {}
    for (const column of RANGES.filter(has)) {
      const [least, greatest] = await one([`min(${quoteIdentifier(column)})`, `max(${quoteIdentifier(column)})`])
      ranges[column] = [least ?? null, greatest ?? null]
    }
    const partitionRows: Record<string, number> = {}
    const values = partitionBy.map((column) => `CAST(${partitionValue(definition, column)} AS VARCHAR)`)
    for (const row of await rowsOf([...values, 'count(*) AS n'].join(', '))) {
      if (Number(row.at(-1)) > 0) partitionRows[JSON.stringify(row.slice(0, -1))] = Number(row.at(-1))
    }
    const { version } = await (await lake.table(definition)).pin()
    const checkpoint = version.metadata.properties[CHECKPOINT_PROPERTY]
    return {
      rows: Number((await one(['count(*)']))[0]),
      sums,
      ranges,
      fields: fieldIds(definition),
      partitionFields: partitionBy,
      partitionRows,
      properties: checkpoint === undefined ? {} : { [CHECKPOINT_PROPERTY]: checkpoint },
    }
  } finally {
    await query.close()
  }
}

/** A partition value as metadata has it: a date is its days since 1970. */
function partitionValue({ columns }: TableDefinition, name: string): string {
  const isDate = columns.some((column) => column.name === name && column.type === 'date')
  return isDate ? `(${quoteIdentifier(name)} - DATE '1970-01-01')` : quoteIdentifier(name)
}

function fieldIds({ columns }: TableDefinition): Record<string, number> {
  return Object.fromEntries(
    columns.flatMap(({ name, id, elementId }) => [
      [name, id],
      ...(elementId === undefined ? [] : [[`${name}.element`, elementId]]),
    ]),
  )
}
