import { type Lane, type LaneKey, laneKey } from '@assay/core'
import { quoteIdentifier, quoteText } from '@assay/engine'
import type { TableDefinition } from './definition.js'

/** No topic of Kafka can begin like this. */
export const REPLAY_PREFIX = '~replay.'

/**
 * The lane of the replays into a table. Replayed rows keep the topic, partition and offset of their record, which
 * lie far behind what downstream has read; in this lane they follow one another without holes.
 */
export function replayLane(table: TableDefinition): LaneKey {
  return laneKey({ topic: `${REPLAY_PREFIX}${table.name}`, partition: 0 })
}

export function isReplayLane({ topic }: Lane): boolean {
  return topic.startsWith(REPLAY_PREFIX)
}

/** SQL of the lane (`topic/partition`) that a row of the table belongs to, and of its offset there. */
export function laneSql(table: TableDefinition): { readonly key: string; readonly offset: string } {
  if (!table.coordinates) throw new RangeError(`${table.name} has no lanes`)
  const { replay } = table.coordinates
  const [topic, partition, offset] = [
    table.coordinates.topic,
    table.coordinates.partition,
    table.coordinates.offset,
  ].map(quoteIdentifier)
  const key = `${topic} || '/' || ${partition}`
  if (!replay) return { key, offset: offset as string }
  const isReplay = `${quoteIdentifier(replay.id)} IS NOT NULL`
  const sequence = replay.sequence ? quoteIdentifier(replay.sequence) : 'NULL'
  return {
    key: `CASE WHEN ${isReplay} THEN ${replay.topic ? `${replay.topic} || '/0'` : quoteText(replayLane(table))} ELSE ${key} END`,
    offset: `CASE WHEN ${isReplay} THEN ${sequence} ELSE ${offset} END`,
  }
}
