import type { LaneKey, Position } from '@assay/core'
import { EVERY_LANE } from '@assay/event-log'
import type { Exchange } from '@assay/exchanges'
import { silverStage, silverTable } from '@assay/medallion'
import { boundedTable } from '../derive/bounded-table.js'
import { nextRound, type RuleHistory } from '../derive/rule-history.js'
import type { PinnedScan } from '../pinned/pinned-scan.js'
import { type RebuildContext, runStage } from './run-stage.js'

/** Silver anew from bronze, up to the given ends, each stretch by the rule set that the history names. */
export async function rebuildSilver(
  rebuild: RebuildContext,
  exchange: Exchange,
  bronze: PinnedScan,
  ends: ReadonlyMap<LaneKey, Position>,
  history: RuleHistory,
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
        share: EVERY_LANE,
        rules: round.rules,
        adopt: false,
      }),
    )
  }
}
