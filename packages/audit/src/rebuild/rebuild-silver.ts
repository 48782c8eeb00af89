import type { LaneKey, Position } from '@assay/core'
import { EVERY_LANE } from '@assay/event-log'
import type { Exchange } from '@assay/exchanges'
import { silverStage, silverTable } from '@assay/medallion'
import { boundedTable } from '../derive/bounded-table.js'
import { schemaUnknownThen } from '../derive/dead-letters.js'
import { nextRound, type RuleHistory } from '../derive/rule-history.js'
import type { PinnedLake } from '../pinned/pin-lake.js'
import type { PinnedScan } from '../pinned/pinned-scan.js'
import { type RebuildContext, runStage } from './run-stage.js'

/** What decides beside a record's bytes. */
interface JudgedBy {
  readonly history: RuleHistory
  /** Its dead letters tell which records were judged without their schema; unless given, the registry of today does. */
  readonly recorded?: PinnedLake
}

/** Silver anew from bronze, up to the given ends, each stretch by the rule set that the history names. */
export async function rebuildSilver(
  rebuild: RebuildContext,
  exchange: Exchange,
  bronze: PinnedScan,
  ends: ReadonlyMap<LaneKey, Position>,
  { history, recorded }: JudgedBy,
): Promise<void> {
  const { source, target, signal } = rebuild
  const definition = silverTable(exchange.name)
  const silver = await target.table(definition)
  const { pinned } = bronze
  while (pinned && !signal.aborted) {
    const round = nextRound(history, (await silver.pin()).checkpoint, ends)
    if (!round) return
    const upstream = boundedTable(bronze, pinned, round.ends, (_pinned, filter) => bronze.files(filter))
    const { registry } = source
    await runStage(rebuild, definition, (context) =>
      silverStage(context, {
        exchange,
        bronze: upstream,
        registry,
        assignment: EVERY_LANE,
        rules: round.rules,
        adopt: false,
        ...(recorded && { schemaUnknown: schemaUnknownThen(context.session, recorded) }),
      }),
    )
  }
}
