import { type Lane, type LaneKey, laneKey, type Position, START } from '@assay/core'
import type { LaneStatus } from '@assay/event-log'
import type { Checkpoint, LaneStop, TopicCheckpoint } from '../checkpoint/checkpoint.js'

/** A lane of the log under the name that its rows carry in bronze. */
export interface LogLane {
  /** Name in the table: `topic`, or `topic@2` once an operator has let a new generation begin. */
  readonly lane: Lane
  readonly key: LaneKey
  readonly status: LaneStatus
  readonly position: Position
  /** Leader epoch of the record before the position. */
  readonly epoch?: number
  /** Set when the lane must not be read. */
  readonly stop?: LaneStop
}

export interface LogLanes {
  readonly lanes: readonly LogLane[]
  /** Topics that the table has not met before. */
  readonly newTopics: Readonly<Record<string, TopicCheckpoint>>
}

/** Matches what the log holds with what the table has read of it (B3). */
export function matchLogLanes(statuses: readonly LaneStatus[], checkpoint: Checkpoint): LogLanes {
  const newTopics: Record<string, TopicCheckpoint> = {}
  const lanes = statuses.map((status) => {
    const lane = { topic: currentName(status.lane, checkpoint), partition: status.lane.partition }
    const known = checkpoint.topics[lane.topic] ?? newTopics[lane.topic]
    if (!known) {
      const topics = { ...checkpoint.topics, ...newTopics }
      newTopics[lane.topic] = {
        topicId: status.topicId,
        laneId: freeLaneId(lane.topic, topics),
        logTopic: status.lane.topic,
      }
    }
    return matchLane(status, lane, known, checkpoint)
  })
  return { lanes, newTopics }
}

function matchLane(
  status: LaneStatus,
  lane: Lane,
  topic: TopicCheckpoint | undefined,
  checkpoint: Checkpoint,
): LogLane {
  const key = laneKey(lane)
  const own = checkpoint.lanes.get(key)
  const position = own?.position ?? START
  const stop = own?.stop ?? findStop(status, position, topic)
  return { lane, key, status, position, ...(own?.epoch !== undefined && { epoch: own.epoch }), ...(stop && { stop }) }
}

function findStop(status: LaneStatus, position: Position, topic: TopicCheckpoint | undefined): LaneStop | undefined {
  if (topic && topic.topicId !== status.topicId) return { reason: 'topic_recreated', from: position, to: position }
  if (position < status.start) return { reason: 'records_lost', from: position, to: status.start }
  if (position > status.end) return { reason: 'log_truncated', from: status.end, to: position }
  return undefined
}

/** The newest generation of a log lane that the table knows. */
function currentName(lane: Lane, checkpoint: Checkpoint): string {
  let name = lane.topic
  for (let generation = 2; ; generation++) {
    const next = generationName(lane.topic, generation)
    if (!checkpoint.lanes.has(laneKey({ topic: next, partition: lane.partition }))) return name
    name = next
  }
}

/** `topic` for the first generation, `topic@2` for the second. */
export function generationName(logTopic: string, generation: number): string {
  return generation === 1 ? logTopic : `${logTopic}@${generation}`
}

const LANE_ID_BITS = 28

/** FNV-1a of the topic's name in 28 bits, moved on past ids already taken. */
export function freeLaneId(topic: string, topics: Readonly<Record<string, TopicCheckpoint>>): number {
  const mask = 2 ** LANE_ID_BITS - 1
  const taken = new Set(Object.values(topics).map((known) => known.laneId))
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(topic)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  let id = (hash ^ (hash >>> LANE_ID_BITS)) & mask
  while (taken.has(id)) id = (id + 1) & mask
  return id
}
