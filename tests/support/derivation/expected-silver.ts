import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Exchange } from '@assay/exchanges'
import type { Tables } from '../tables.js'
import { type BronzeRecord, decodedRow } from './decoded-rows.js'
import { FrozenLaneClock } from './frozen-lane-clock.js'
import { detailSql, type FrozenRule, MAPPINGS, mappedSql, reasonSql, typeSql, VENDOR_DATA } from './frozen-sql.js'

/** Rows of a lane up to an offset that were judged in one go, before the lane's next phase. */
export interface Phase {
  readonly number: number
  readonly rules: { readonly version: string; readonly rules: readonly FrozenRule[] }
  /** Offsets at which each lane's phase ends, by `topic/partition`. */
  readonly ends: ReadonlyMap<string, bigint>
}

/** What the oracle is made of beside bronze. */
export interface Given {
  readonly exchange: Exchange
  readonly laneIds: ReadonlyMap<string, number>
  readonly frameDetails: ReadonlyMap<string, string>
  readonly phases: readonly Phase[]
}

const DECODED = {
  topic: 'VARCHAR',
  partition: 'INTEGER',
  offset: 'BIGINT',
  message_id: 'UUID',
  value_bytes: 'INTEGER',
  schema_id: 'INTEGER',
  frame_status: 'UTINYINT',
  frame_detail: 'VARCHAR',
  missing_fields: 'VARCHAR',
  extra_fields: 'VARCHAR',
  symbol: 'VARCHAR',
  currency: 'VARCHAR',
  symbol_status: 'UTINYINT',
  symbol_text: 'VARCHAR',
  identity_time: 'VARCHAR',
  identity: 'VARCHAR',
}

/** Makes a table of rows that JavaScript computed, by way of a file of JSON Lines. */
export async function loadRows(
  { session }: Tables,
  name: string,
  columns: Readonly<Record<string, string>>,
  rows: readonly Record<string, unknown>[],
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'assay-derivation-'))
  try {
    const file = join(folder, 'rows.jsonl')
    writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    const types = Object.entries(columns).map(([column, type]) => `"${column}": '${type}'`)
    await session.run(`CREATE TEMP TABLE ${name} AS
      SELECT * FROM read_json('${file}', format = 'newline_delimited', columns = {${types.join(', ')}}, maximum_object_size = 4194304)`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Makes the tables `expected_<exchange>_judged`: every row of bronze as the frozen statements map and judge it, with the
 * phase that it was judged in and how late it was then.
 */
export async function judgeByFrozenSql(tables: Tables, given: Given): Promise<void> {
  const { name } = given.exchange
  const mapping = MAPPINGS[name]
  if (!mapping) throw new Error(`no statements are frozen for ${name}`)
  const rows = await tables.rows(`SELECT topic, "partition", "offset", raw_bytes FROM bronze_${name}_trades`)
  const decoded = rows.map(({ topic, partition, offset, raw_bytes }) => {
    const record = { topic, partition, offset, value: raw_bytes } as BronzeRecord
    return {
      ...decodedRow(given.exchange, record, given.laneIds.get(record.topic) ?? 0, given.frameDetails),
      phase: phaseOf(given.phases, record),
    }
  })
  const raw = Object.fromEntries(Object.entries(mapping.raw).map(([field, type]) => [`raw_${field}`, type]))
  await loadRows(tables, `decoded_${name}`, { ...DECODED, ...raw, phase: 'INTEGER' }, decoded)
  await tables.session.run(`CREATE TEMP TABLE mapped_${name} AS SELECT *, ${VENDOR_DATA} AS vendor_data FROM (
    ${mappedSql(
      mapping,
      `(SELECT d.*, epoch_us(b.kafka_timestamp) AS kafka_us, b.kafka_timestamp, b.raw_bytes,
      b.ingestion_timestamp AS bronze_ingestion_timestamp
      FROM decoded_${name} d JOIN bronze_${name}_trades b USING (topic, "partition", "offset"))`,
    )})`)
  const judged = given.phases.map(
    ({ number, rules: { version, rules } }) => `SELECT *, '${version}' AS rule_version,
      ${typeSql(rules, 'error_reason')} AS error_type, ${detailSql(rules)} AS error_detail
      FROM (SELECT *, ${reasonSql(rules)} AS error_reason FROM mapped_${name} WHERE phase = ${number})`,
  )
  await tables.session.run(`CREATE TEMP TABLE judged_${name} AS ${judged.join(' UNION ALL ')}`)
  await addLateness(tables, name, given.phases)
}

function phaseOf(phases: readonly Phase[], { topic, partition, offset }: BronzeRecord): number {
  const found = phases.find(({ ends }) => offset < (ends.get(`${topic}/${partition}`) ?? 0n))
  if (!found) throw new Error(`${topic}/${partition}/${offset} is of no phase`)
  return found.number
}

/** Makes `expected_<exchange>_judged` of the judged rows and how far the valid ones lie behind those before them. */
async function addLateness(tables: Tables, name: string, phases: readonly Phase[]): Promise<void> {
  const valid = await tables.rows(`SELECT topic, "partition", "offset", phase, event_time_us AS us FROM judged_${name}
    WHERE error_reason IS NULL ORDER BY topic, "partition", "offset"`)
  const clocks = new Map<string, FrozenLaneClock>()
  const rows = valid.map(({ topic, partition, offset, phase, us }) => {
    const lane = `${topic}/${partition}`
    const clock = clocks.get(lane) ?? new FrozenLaneClock()
    clocks.set(lane, clock)
    const version = phases.find(({ number }) => number === phase)?.rules.version ?? ''
    const behind_us = clock.take(Number(us), version)
    return { topic, partition, offset: String(offset), late_us: Math.max(0, behind_us) }
  })
  await loadRows(
    tables,
    `late_${name}`,
    { topic: 'VARCHAR', partition: 'INTEGER', offset: 'BIGINT', late_us: 'BIGINT' },
    rows,
  )
  await tables.session.run(`CREATE TEMP TABLE expected_${name}_judged AS
    SELECT j.*, l.late_us > 60000000 AS is_late, l.late_us // 1000 AS lateness_ms
    FROM judged_${name} j LEFT JOIN late_${name} l USING (topic, "partition", "offset")`)
}
