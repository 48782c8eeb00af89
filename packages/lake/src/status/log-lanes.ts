import { type LaneKey, laneKey, parseLaneKey } from '@assay/core'
import type { LaneStatus } from '@assay/event-log'
import type { Checkpoint } from '@assay/pipeline'

/** A lane of the log, and the lane of bronze that it is read into. */
interface LogLane {
  readonly lane: LaneKey
  readonly status: LaneStatus
}

/** Bronze's lane for each lane of the log: `topic/0`, or `topic@2/0` once an operator let a new generation begin. */
export function logLanesOf(statuses: readonly LaneStatus[], bronze: Checkpoint): LogLane[] {
  return statuses.map((status) => ({
    lane: newestGeneration(status.lane.topic, status.lane.partition, bronze),
    status,
  }))
}

/** Name under which the log holds the lane's topic. */
export function logTopicOf(lane: LaneKey, bronze: Checkpoint): string {
  const { topic } = parseLaneKey(lane)
  return bronze.topics[topic]?.logTopic ?? topic
}

/** True for a lane that a newer generation has taken the place of: its stop was answered. */
export function isSuperseded(lane: LaneKey, bronze: Checkpoint): boolean {
  return newestGeneration(logTopicOf(lane, bronze), parseLaneKey(lane).partition, bronze) !== lane
}

function newestGeneration(logTopic: string, partition: number, bronze: Checkpoint): LaneKey {
  const generations = [...bronze.lanes.keys()]
    .filter((key) => parseLaneKey(key).partition === partition && logTopicOf(key, bronze) === logTopic)
    .sort((a, b) => generationOf(a, logTopic) - generationOf(b, logTopic))
  return generations.at(-1) ?? laneKey({ topic: logTopic, partition })
}

/** Generation of a lane's topic: 1 for `topic`, n for `topic@n`. */
function generationOf(lane: LaneKey, logTopic: string): number {
  const { topic } = parseLaneKey(lane)
  return topic === logTopic ? 1 : Number(topic.slice(logTopic.length + 1))
}
