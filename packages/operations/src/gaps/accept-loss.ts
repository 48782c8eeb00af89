import { type LaneKey, type Position, parseLaneKey, UsageError } from '@assay/core'
import { withSession } from '@assay/engine'
import { type Lake, logTopicOf } from '@assay/lake'
import { acceptGap, bronzeLayer, GAPS_TABLE } from '@assay/medallion'

interface AcceptedLoss {
  readonly lane: LaneKey
  readonly from: Position
  /** Offset at which bronze goes on. */
  readonly to: Position
}

/**
 * The operator's word on what a lane of the log has lost: bronze goes on at `to`, and where the log takes no more
 * records because of the damage, its producers go on behind it. Both are in the ledger of gaps.
 */
export async function acceptLoss(lake: Lake, lane: LaneKey, to: Position, note: string): Promise<AcceptedLoss> {
  for (const { main: definition, topic } of bronzeLayer.workers(lake.exchanges)) {
    if (!(await lake.catalog.load(definition.name))) continue
    const main = await lake.table(definition)
    const { checkpoint } = await main.pin()
    const logTopic = logTopicOf(lane, checkpoint)
    if (!checkpoint.lanes.has(lane) && logTopic !== topic) continue
    const status = (await lake.log.lanes(logTopic))[parseLaneKey(lane).partition]
    if (!status) break
    const { lost, topicId } = status
    const damage = lost && to >= lost.to ? lost : undefined
    return withSession(await lake.engine(), async (session) => {
      const gaps = await lake.table(GAPS_TABLE)
      const { clock } = lake
      const accepted = await acceptGap({
        main,
        gaps,
        session,
        clock,
        lane,
        to,
        note,
        topicId,
        ...(damage && { damage }),
      })
      // Behind the ledger: cut short in between, the same command goes on from here.
      if (damage) await lake.log.goPastDamage?.(status.lane, to)
      return accepted
    })
  }
  throw new UsageError('unknown_lane', `no bronze table reads a lane ${lane} that the log has`, {
    hint: '"assay status" lists the lanes',
  })
}
