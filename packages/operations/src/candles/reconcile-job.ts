import { RECONCILED_TABLES, type ReconcileReport, reconcileCandles } from '@assay/candles'
import type { Lake } from '@assay/lake'
import { GOLD_TABLE } from '@assay/medallion'
import { existingTable, withJobContext } from '../dead-letters/job-context.js'

export type { ReconcileReport }

interface ReconcileRequest {
  /** Days since 1970 of windows that are looked at, the last included; all without. */
  readonly days?: { readonly from?: number; readonly to?: number }
  readonly onProgress?: (report: ReconcileReport) => void
}

/** Makes candles what gold says. Throws `table_missing` or `candles_contended`. */
export async function runReconcile(
  lake: Lake,
  request: ReconcileRequest,
  signal: AbortSignal,
): Promise<ReconcileReport> {
  const gold = await existingTable(lake, GOLD_TABLE)
  const tables = new Map<string, Awaited<ReturnType<typeof existingTable>>>()
  for (const definition of RECONCILED_TABLES) tables.set(definition.name, await existingTable(lake, definition))
  const { exchanges } = lake
  return withJobContext(lake, undefined, (context) =>
    reconcileCandles(context, { ...request, gold, tables, exchanges }, signal),
  )
}
