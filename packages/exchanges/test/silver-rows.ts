import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { NamedColumn } from '@assay/core'
import { openEngine } from '@assay/engine'
import type { Exchange } from '../src/index.js'

/** The silver columns that an exchange's SQL gives for these raw columns, in row order. */
export async function silverRows(
  exchange: Exchange,
  columns: readonly NamedColumn[],
  count: number,
): Promise<Record<string, unknown>[]> {
  const tempDirectory = mkdtempSync(path.join(tmpdir(), 'exchanges-'))
  const engine = await openEngine({ memoryLimit_bytes: 256e6, threads: 1, tempDirectory })
  try {
    const session = await engine.session()
    await session.load('raw', columns, count)
    const { trade_id, side, trade_conditions, source_sequence, ingestion_timestamp, vendor_data } = exchange.silver
    return await session.rows(`select symbol, currency, price::varchar as price, quantity::varchar as quantity, event_time_us,
      ${trade_id} as trade_id, ${side} as side, ${trade_conditions} as trade_conditions, ${source_sequence} as source_sequence,
      ${ingestion_timestamp} as ingestion_timestamp, ${vendor_data} as vendor_data,
      typeof(${trade_conditions}) as conditions_type, typeof(${vendor_data}) as vendor_type from raw`)
  } finally {
    await engine.close()
    rmSync(tempDirectory, { recursive: true, force: true })
  }
}
