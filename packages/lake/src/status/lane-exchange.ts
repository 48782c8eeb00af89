import { type LaneKey, parseLaneKey } from '@assay/core'
import { replayLane } from '@assay/pipeline'
import type { Lake } from '../lake.js'

/** The exchange whose trades go through a lane: of a topic, of a generation of it (`topic@2`), or of replays. */
export function exchangeOfLane({ layers, exchanges }: Lake, lane: LaneKey): string | null {
  const { topic } = parseLaneKey(lane)
  const ofTopic = exchanges.find((exchange) => topic === exchange.topic || topic.startsWith(`${exchange.topic}@`))
  if (ofTopic) return ofTopic.name
  const workers = layers.flatMap((layer) => layer.workers(exchanges))
  return workers.find(({ main }) => replayLane(main) === lane)?.exchange?.name ?? null
}
