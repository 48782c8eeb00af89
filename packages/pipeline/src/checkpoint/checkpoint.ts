import { AssayError, type LaneKey, type Position, position } from '@assay/core'
import { z } from 'zod'

/** The table property in which a table's checkpoint lives. */
export const CHECKPOINT_PROPERTY = 'assay.checkpoint'

/** Why a lane does not go on until an operator has spoken (B3). */
export interface LaneStop {
  readonly reason: 'records_lost' | 'records_unreadable' | 'log_truncated' | 'topic_recreated'
  /** What is missing: from (inclusive) to (exclusive). */
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
  /** Greatest event time of valid rows, µs (silver). */
  readonly greatest_us?: bigint
  /** Leader epoch of the last record read (bronze), where the log keeps epochs. */
  readonly epoch?: number
  /** Rule set that judged the newest rows (silver). */
  readonly rules?: string
  readonly stop?: LaneStop
}

/** What bronze knows of a topic: its identity and the number that stands for it in message ids. */
export interface TopicCheckpoint {
  readonly topicId: string
  /** 28 bits, unique in the table. */
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
  /** Saved key set (gold): object key and the sequence number of the snapshot that it was made from. */
  readonly keys?: { readonly path: string; readonly sequence: number }
}

export const EMPTY_CHECKPOINT: Checkpoint = { sources: {}, topics: {}, lanes: new Map() }

const bigintText = z.string().regex(/^-?\d{1,19}$/)
const laneSchema = z.object({
  position: bigintText,
  sequence: z.int().min(0),
  written: bigintText.optional(),
  greatest_us: bigintText.optional(),
  epoch: z.int().min(0).optional(),
  rules: z.string().optional(),
  stop: z
    .object({
      reason: z.enum(['records_lost', 'records_unreadable', 'log_truncated', 'topic_recreated']),
      from: bigintText,
      to: bigintText,
    })
    .optional(),
})
const checkpointSchema = z.object({
  format: z.literal(1),
  snapshot: z.object({ id: bigintText, sequence: z.int().min(0) }).optional(),
  sources: z.record(z.string(), z.string()),
  topics: z.record(
    z.string(),
    z.object({ topicId: z.string(), laneId: z.int().min(0).max(0xfffffff), logTopic: z.string() }),
  ),
  lanes: z.record(z.string(), laneSchema),
  keys: z.object({ path: z.string(), sequence: z.int().min(0) }).optional(),
})

/** Reads the property of a table. Throws `bad_checkpoint` when it isn't one. */
export function parseCheckpoint(text: string | undefined, table: string): Checkpoint {
  if (text === undefined) return EMPTY_CHECKPOINT
  try {
    const raw = checkpointSchema.parse(JSON.parse(text))
    return {
      ...(raw.snapshot && { snapshot: { id: BigInt(raw.snapshot.id), sequence: raw.snapshot.sequence } }),
      sources: raw.sources,
      topics: raw.topics,
      lanes: new Map(Object.entries(raw.lanes).map(([key, lane]) => [key as LaneKey, parseLane(lane)])),
      ...(raw.keys && { keys: raw.keys }),
    }
  } catch (cause) {
    throw new AssayError('bad_checkpoint', `the checkpoint of ${table} cannot be read: ${String(cause)}`, {
      cause,
      hint: `property ${CHECKPOINT_PROPERTY} of the table was changed by hand or by a newer version of Assay; restore it from the table's metadata history`,
    })
  }
}

function parseLane(raw: z.infer<typeof laneSchema>): LaneCheckpoint {
  return {
    position: position(raw.position),
    sequence: raw.sequence,
    ...(raw.written !== undefined && { written: BigInt(raw.written) }),
    ...(raw.greatest_us !== undefined && { greatest_us: BigInt(raw.greatest_us) }),
    ...(raw.epoch !== undefined && { epoch: raw.epoch }),
    ...(raw.rules !== undefined && { rules: raw.rules }),
    ...(raw.stop && {
      stop: { reason: raw.stop.reason, from: position(raw.stop.from), to: position(raw.stop.to) },
    }),
  }
}

export function serializeCheckpoint(checkpoint: Checkpoint): string {
  return JSON.stringify(
    {
      format: 1,
      snapshot: checkpoint.snapshot,
      sources: checkpoint.sources,
      topics: checkpoint.topics,
      lanes: serializeLanes(checkpoint.lanes),
      keys: checkpoint.keys,
    },
    bigintAsText,
  )
}

/** The lanes as JSON, for a snapshot's summary. */
export function lanesJson(lanes: ReadonlyMap<LaneKey, LaneCheckpoint>): string {
  return JSON.stringify(serializeLanes(lanes), bigintAsText)
}

function serializeLanes(lanes: ReadonlyMap<LaneKey, LaneCheckpoint>): Record<string, LaneCheckpoint> {
  return Object.fromEntries([...lanes].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
