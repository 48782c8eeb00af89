import type { Lake } from '@assay/lake'
import {
  bronzeTable,
  type DeadLetterFilter,
  parseCorrection,
  type ReplayReport,
  replay,
  SILVER_SIDES,
  silverTable,
} from '@assay/medallion'
import type { BatchLimits, LakeTable } from '@assay/pipeline'
import { type RuleSet, SILVER_RULES } from '@assay/rules'
import { existingTable, withJobContext } from './job-context.js'
import { queueNamed, unknownTable } from './queues.js'

export interface ReplayRequest {
  /** Name of the queue of dead letters, or of its archive. */
  readonly sourceTable: string
  readonly targetTable: string
  readonly filter: DeadLetterFilter
  /** Corrections, as JSON Lines. */
  readonly fix?: string
  /** The rules to judge by; `SILVER_RULES` unless given. */
  readonly rules?: RuleSet
  readonly dryRun: boolean
  readonly limits?: BatchLimits
  /** Told after each batch of dead letters. */
  readonly onProgress?: (counts: { readonly selected: number; readonly passed: number }) => void
}

/** Replays dead letters into a silver table. Throws `unknown_table`, `table_missing` and `bad_fix_file`. */
export async function runReplay(lake: Lake, request: ReplayRequest, signal: AbortSignal): Promise<ReplayReport> {
  const { filter, dryRun, rules = SILVER_RULES } = request
  const exchange = lake.exchanges.find(({ name }) => silverTable(name).name === request.targetTable)
  if (!exchange) {
    throw unknownTable(
      request.targetTable,
      lake.exchanges.map(({ name }) => silverTable(name).name),
    )
  }
  const correction = request.fix === undefined ? undefined : parseCorrection(request.fix, exchange)
  const deadLetters = await existingTable(lake, queueNamed(request.sourceTable))
  const silver = await existingTable(lake, silverTable(exchange.name))
  const bronze = await existingTable(lake, bronzeTable(exchange.name))
  const sides = new Map<string, LakeTable>()
  for (const side of SILVER_SIDES) {
    // A dry run makes no table either.
    if (!dryRun || (await lake.catalog.load(side.name))) sides.set(side.name, await lake.table(side))
  }
  return withJobContext(lake, request.limits, (context) => {
    const { registry } = lake
    const tables = { bronze, silver, deadLetters, sides }
    return replay(
      {
        ...{ context, exchange, registry, rules, ...tables, filter, dryRun },
        ...(correction && { correction }),
        ...(request.onProgress && { onProgress: request.onProgress }),
      },
      signal,
    )
  })
}
