import { AssayError } from './errors.js'

/**
 * An ordered sequence of records that only grows: a topic-partition of the log, a backfill file,
 * the replays into a table. Everything in the lake has coordinates (topic, partition, offset).
 */
export interface Lane {
  readonly topic: string
  readonly partition: number
}

declare const laneKeyBrand: unique symbol
/** `topic/partition`, the form in which a lane is a key of a map or of JSON. */
export type LaneKey = string & { readonly [laneKeyBrand]: true }

export function laneKey(lane: Lane): LaneKey {
  return `${lane.topic}/${lane.partition}` as LaneKey
}

/** Splits `topic/partition`. Throws `bad_lane_key` when the text is not of that form. */
export function parseLaneKey(text: string): Lane {
  const match = /^(.+)\/(\d{1,10})$/.exec(text)
  if (!match?.[1] || !match[2]) {
    throw new AssayError('bad_lane_key', `"${text}" is not a lane`, {
      hint: 'write a lane as topic/partition, for example market.crypto.trades.binance.raw/0',
    })
  }
  return { topic: match[1], partition: Number(match[2]) }
}
