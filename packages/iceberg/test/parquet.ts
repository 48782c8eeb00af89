import { stat } from 'node:fs/promises'
import path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { TableDescription } from '../src/evolution/create-table.js'
import { currentSchema } from '../src/format/metadata.js'
import { type DataFile, dataFile, type Table } from '../src/index.js'

/** A table of every kind of column that trades have. */
export const tradesDescription: TableDescription = {
  fields: [
    { id: 1, name: 'message_id', required: false, type: 'uuid' },
    { id: 2, name: 'symbol', required: false, type: 'string' },
    { id: 3, name: 'price', required: false, type: 'decimal(28, 10)' },
    { id: 4, name: 'offset', required: true, type: 'long' },
    { id: 5, name: 'kafka_timestamp', required: false, type: 'timestamptz' },
    { id: 6, name: 'raw', required: false, type: 'binary' },
    { id: 7, name: 'is_late', required: false, type: 'boolean' },
    {
      id: 8,
      name: 'conditions',
      required: false,
      type: { kind: 'list', elementId: 20, elementRequired: false, element: 'string' },
    },
    { id: 9, name: 'trade_date', required: false, type: 'date' },
    { id: 10, name: 'venue', required: false, type: 'string' },
  ],
  partitionBy: ['trade_date', 'venue'],
}

const FIELD_IDS =
  "{message_id: 1, symbol: 2, price: 3, 'offset': 4, kafka_timestamp: 5, raw: 6, is_late: 7, conditions: {__duckdb_field_id: 8, element: 20}, trade_date: 9, venue: 10}"
const DAY_MS = 86_400_000

/** Writes real Parquet files of trades with offsets [from, from + rows) into a table's folder. */
export class ParquetWriter {
  readonly #instance: DuckDBInstance
  #count = 0

  private constructor(instance: DuckDBInstance) {
    this.#instance = instance
  }

  static async open(): Promise<ParquetWriter> {
    return new ParquetWriter(await DuckDBInstance.create(':memory:'))
  }

  close(): void {
    this.#instance.closeSync()
  }

  async write(
    table: Table,
    rows: { readonly from: number; readonly rows: number; readonly day: number; readonly venue: string },
  ): Promise<DataFile> {
    const version = await table.load()
    const { path: location, key } = table.newDataFile(version, [rows.day, rows.venue])
    this.#count += 1
    const local = path.join(await table.store.scratchDirectory(), `file-${this.#count}.parquet`)
    const date = new Date(rows.day * DAY_MS).toISOString().slice(0, 10)
    const connection = await this.#instance.connect()
    await connection.run(
      `COPY (SELECT uuid() AS message_id, 'BTC' || (i % 7) AS symbol, (i * 1.25)::DECIMAL(28, 10) AS price, i::BIGINT AS "offset",
         TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (i) SECOND AS kafka_timestamp, encode('r' || i) AS raw, i % 2 = 0 AS is_late,
         ['a', 'b'] AS conditions, DATE '${date}' AS trade_date, '${rows.venue.replaceAll("'", "''")}' AS venue
       FROM range(${rows.from}, ${rows.from + rows.rows}) AS t(i))
       TO '${local}' (FORMAT parquet, COMPRESSION zstd, FIELD_IDS ${FIELD_IDS})`,
    )
    connection.closeSync()
    const size_bytes = (await stat(local)).size
    await table.store.putFile(key, local)
    const last = rows.from + rows.rows - 1
    const all = { values: rows.rows, nulls: 0 }
    return dataFile(currentSchema(version.metadata), {
      path: location,
      specId: 0,
      partition: [rows.day, rows.venue],
      recordCount: rows.rows,
      size_bytes,
      columns: new Map([
        [2, { ...all, lower: 'BTC0', upper: 'BTC6' }],
        [3, { ...all, lower: BigInt(rows.from) * 12_500_000_000n, upper: BigInt(last) * 12_500_000_000n }],
        [4, { ...all, lower: BigInt(rows.from), upper: BigInt(last) }],
        [7, { ...all, lower: false, upper: true }],
        [9, { ...all, lower: rows.day, upper: rows.day }],
        [10, { ...all, lower: rows.venue, upper: rows.venue }],
      ]),
    })
  }
}
