import { AssayError, type LaneKey, type Position, position } from '@assay/core'
import { z } from 'zod'

/** The table property in which a table's checkpoint lives. */
export const CHECKPOINT_PROPERTY = 'assay.checkpoint'
/** The member of a snapshot's summary with the lanes that its batch moved. */
export const LANES_SUMMARY = 'assay.lanes'

/**
 * `records_lost`: retention took them; `records_unreadable`: they are beyond a limit, or in a format that is not read;
 * `log_damaged`: acknowledged bytes are not what was written (B5); `log_truncated`: others have their offsets now.
 * A reason that a newer version of Assay has given stops the lane as well.
 */
type StopReason =
  | 'records_lost'
  | 'records_unreadable'
  | 'log_damaged'
  | 'log_truncated'
  | 'topic_recreated'
  | (string & Record<never, never>)

/**
 * Members of the property that a layer keeps by a codec of its own, or that only a newer version knows, as JSON:
 * written back as they were, and demanded unchanged unless the table's definition says that they are only noted.
 */
export type StateMembers = Readonly<Record<string, unknown>>

/** Why a lane does not go on until an operator has spoken (B3). */
export interface LaneStop {
  readonly reason: StopReason
  /** Missing offsets, from (inclusive) to (exclusive). */
  readonly from: Position
  readonly to: Position
}

/** What a table knows of one lane that it reads. */
export interface LaneCheckpoint {
  /** Next offset to take. */
  readonly position: Position
  /** Sequence number of the upstream snapshot that the lane was last read to the end of. */
  readonly sequence: number
  /** Greatest offset of the lane with a row in this table; tells a rollback from an expiry. */
  readonly written?: bigint
  /** Leader epoch of the last record read, where the log keeps epochs. */
  readonly epoch?: number
  readonly stop?: LaneStop
  readonly state?: StateMembers
}

/** What a table that reads the log knows of a topic: its identity and the number that stands for it in message ids. */
export interface TopicCheckpoint {
  readonly topicId: string
  /** Lane id of 28 bits, unique in the table. */
  readonly laneId: number
  /** Name under which the log holds the topic, when rows carry another one (`topic@2`). */
  readonly logTopic: string
}

export interface Checkpoint {
  /** Snapshot that this checkpoint was committed with; undefined in a new table. */
  readonly snapshot?: { readonly id: bigint; readonly sequence: number }
  /** Uuid of each upstream table, by name. */
  readonly sources: Readonly<Record<string, string>>
  readonly topics: Readonly<Record<string, TopicCheckpoint>>
  readonly lanes: ReadonlyMap<LaneKey, LaneCheckpoint>
  readonly state?: StateMembers
}

export const EMPTY_CHECKPOINT: Checkpoint = { sources: {}, topics: {}, lanes: new Map() }

const bigintText = z.string().regex(/^-?\d{1,19}$/)
const laneSchema = z.looseObject({
  position: bigintText,
  sequence: z.int().min(0),
  written: bigintText.optional(),
  epoch: z.int().min(0).optional(),
  stop: z
    .looseObject({
      reason: z.string(),
      from: bigintText,
      to: bigintText,
    })
    .optional(),
})
const checkpointSchema = z.looseObject({
  format: z.literal(1),
  snapshot: z.object({ id: bigintText, sequence: z.int().min(0) }).optional(),
  sources: z.record(z.string(), z.string()),
  topics: z.record(
    z.string(),
    z.looseObject({ topicId: z.string(), laneId: z.int().min(0).max(0xfffffff), logTopic: z.string() }),
  ),
  lanes: z.record(z.string(), laneSchema),
})

/** Reads the property of a table. Throws `bad_checkpoint` when it isn't one. */
export function parseCheckpoint(text: string | undefined, table: string): Checkpoint {
  if (text === undefined) return EMPTY_CHECKPOINT
  try {
    const { format, snapshot, sources, topics, lanes, ...state } = checkpointSchema.parse(JSON.parse(text))
    return {
      ...(snapshot && { snapshot: { id: BigInt(snapshot.id), sequence: snapshot.sequence } }),
      sources,
      topics,
      lanes: new Map(Object.entries(lanes).map(([key, lane]) => [key as LaneKey, parseLane(lane)])),
      ...stateOf(state),
    }
  } catch (cause) {
    throw badCheckpoint(`the checkpoint of ${table}`, cause)
  }
}

/** What can't be read of a table's property, and why. */
export function badCheckpoint(what: string, cause: unknown): AssayError {
  return new AssayError('bad_checkpoint', `${what} cannot be read: ${String(cause)}`, {
    cause,
    hint: `property ${CHECKPOINT_PROPERTY} of the table was changed by hand or by a newer version of Assay; restore it from the table's metadata history`,
  })
}

function parseLane(raw: z.infer<typeof laneSchema>): LaneCheckpoint {
  const { position: next, sequence, written, epoch, stop, ...state } = raw
  return {
    position: position(next),
    sequence,
    ...(written !== undefined && { written: BigInt(written) }),
    ...(epoch !== undefined && { epoch }),
    ...(stop && { stop: { ...stop, from: position(stop.from), to: position(stop.to) } }),
    ...stateOf(state),
  }
}

function stateOf(state: StateMembers): { readonly state?: StateMembers } {
  return Object.keys(state).length === 0 ? {} : { state }
}

export function serializeCheckpoint(checkpoint: Checkpoint): string {
  return JSON.stringify(
    {
      ...checkpoint.state,
      format: 1,
      snapshot: checkpoint.snapshot,
      sources: checkpoint.sources,
      topics: checkpoint.topics,
      lanes: serializeLanes(checkpoint.lanes),
    },
    bigintAsText,
  )
}

/** The lanes as JSON, for a snapshot's summary. */
export function lanesJson(lanes: ReadonlyMap<LaneKey, LaneCheckpoint>): string {
  return JSON.stringify(serializeLanes(lanes), bigintAsText)
}

function serializeLanes(lanes: ReadonlyMap<LaneKey, LaneCheckpoint>): Record<string, StateMembers> {
  const sorted = [...lanes].sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(sorted.map(([key, { state, ...lane }]) => [key, { ...state, ...lane }]))
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}

/** True when `upstream` has a lane at a position that `own` has not reached. */
export function standsBeyond(upstream: Checkpoint, own: Checkpoint): boolean {
  for (const [key, lane] of upstream.lanes) {
    if (lane.position > (own.lanes.get(key)?.position ?? 0n)) return true
  }
  return false
}
