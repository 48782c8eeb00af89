import { CANDLES_TABLE, candleStage, newestGeneration, readCandleState } from '@assay/candles'
import { parseLaneKey, START } from '@assay/core'
import type { EventLog } from '@assay/event-log'
import { GOLD_TABLE } from '@assay/medallion'
import { type Checkpoint, isReplayLane } from '@assay/pipeline'
import { boundedTable } from '../derive/bounded-table.js'
import type { PinnedScan } from '../pinned/pinned-scan.js'
import { type RebuildContext, runStage } from './run-stage.js'

/**
 * Candles anew from the new gold: of the trades that the old ones were made of, closed up to their watermarks. Replays
 * that are judged anew are all taken.
 */
export async function rebuildCandles(
  rebuild: RebuildContext,
  old: PinnedScan,
  replays: 'recorded' | 'all',
): Promise<void> {
  const { target } = rebuild
  const { checkpoint } = old
  const gold = await target.table(GOLD_TABLE)
  const pinned = await gold.pin()
  const ends = new Map(
    [...pinned.checkpoint.lanes].flatMap(([key, { position }]) => {
      const isWhole = replays === 'all' && isReplayLane(parseLaneKey(key))
      const end = isWhole ? position : checkpoint.lanes.get(key)?.position
      return end === undefined ? [] : [[key, end] as const]
    }),
  )
  const upstream = boundedTable(gold, pinned, ends, (_, filter) => gold.files(pinned, filter))
  await runStage(rebuild, CANDLES_TABLE, (context, candles) =>
    candleStage(context, {
      gold: upstream,
      candles,
      log: endingWith(checkpoint),
      exchanges: target.exchanges,
      heartbeats: { read: async () => [] },
      adopt: false,
      upstreamEnded: () => true,
      lastWatermarks: readCandleState(checkpoint).watermarks,
    }),
  )
}

/** A log whose lanes end where the checkpoint stands. */
function endingWith({ lanes }: Checkpoint): Pick<EventLog, 'lanes'> {
  return {
    lanes: async (topic) =>
      [...lanes.keys()].flatMap((key) => {
        const lane = parseLaneKey(key)
        const end = newestGeneration(lanes, key)?.position
        return lane.topic === topic && end !== undefined ? [{ lane, topicId: '', start: START, end }] : []
      }),
  }
}
