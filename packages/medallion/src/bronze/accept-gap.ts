import { type Clock, type LaneKey, laneKey, type Position, parseLaneKey, START, UsageError } from '@assay/core'
import type { Session } from '@assay/engine'
import { quoteText } from '@assay/engine'
import type { Checkpoint, LakeTable, LaneCheckpoint, LaneStop, TopicCheckpoint } from '@assay/pipeline'
import { commitBatch, freeLaneId, generationName, pinTrusted, publishPending, timestampLiteral } from '@assay/pipeline'
import { GAPS_TABLE } from './gaps.js'

interface GapAcceptance {
  /** Bronze table whose lane is stopped. */
  readonly main: LakeTable
  readonly gaps: LakeTable
  readonly session: Session
  readonly clock: Clock
  readonly lane: LaneKey
  /** Offset at which reading goes on. */
  readonly to: Position
  readonly note: string
  /** Identity of the topic as the log has it now. */
  readonly topicId: string
  /** What the log has lost at the lane's end, where bronze has not met with it. */
  readonly damage?: { readonly from: Position; readonly to: Position }
}

/**
 * The operator's word that a stopped lane may go on: the lane moves past what the log lost, or, where the
 * topic is another or was truncated, a new generation of it begins. Both are written to the ledger. Of a lane that
 * bronze has not stopped, the damage of its log is only noted there: no row is skipped for it.
 */
export async function acceptGap(
  acceptance: GapAcceptance,
): Promise<{ readonly lane: LaneKey; readonly from: Position; readonly to: Position }> {
  const { main, gaps, session } = acceptance
  const sides = new Map([[GAPS_TABLE.name, gaps]])
  await publishPending(main, sides)
  const { checkpoint } = await pinTrusted(main, session)
  const before = checkpoint.lanes.get(acceptance.lane)
  const stop = before?.stop
  const told = stop ?? (acceptance.damage && { reason: 'log_damaged', ...acceptance.damage })
  if (!told) {
    throw new UsageError('lane_not_stopped', `${acceptance.lane} is not stopped`, {
      hint: '"assay status" lists the stopped lanes',
    })
  }
  const moved = stop ? moveLane(checkpoint, acceptance, before, stop) : stayed(acceptance, before)
  const file = await gaps.write(session, ledgerRow(acceptance, told), {})
  const outcome = await commitBatch(main, sides, {
    kind: 'batch',
    files: [],
    sides: file ? [{ table: GAPS_TABLE, files: [file] }] : [],
    change: { basis: checkpoint, wholeCheckpoint: false, ...moved.change },
    rows: 0,
    more: false,
    counts: {},
    committed: () => undefined,
  })
  if (outcome.kind !== 'committed') {
    throw new UsageError('lane_moved', `${acceptance.lane} has changed meanwhile (${outcome.reason})`, {
      hint: 'look at assay status and try again',
    })
  }
  await publishPending(main, sides)
  return { lane: moved.lane, from: told.from, to: moved.to ?? acceptance.to }
}

/** Where the lane stands when nothing but its log was spoken of. */
function stayed(
  { lane }: GapAcceptance,
  before: LaneCheckpoint | undefined,
): { lane: LaneKey; to: Position; change: { lanes: Map<LaneKey, LaneCheckpoint> } } {
  return { lane, to: before?.position ?? START, change: { lanes: new Map() } }
}

function moveLane(
  checkpoint: Checkpoint,
  { lane, to, topicId }: GapAcceptance,
  before: LaneCheckpoint,
  stop: LaneStop,
): {
  lane: LaneKey
  to?: Position
  change: { lanes: Map<LaneKey, LaneCheckpoint>; topics?: Record<string, TopicCheckpoint> }
} {
  if (isHole(stop)) {
    // Where the damage was mended, the same offset is tried again.
    const least = stop.reason === 'records_lost' ? stop.to : stop.from
    if (to < least) {
      throw new UsageError('gap_not_covered', `nothing can be read before ${least} of ${lane}`, {
        hint: `accept the gap up to ${least} or beyond`,
      })
    }
    const { stop: _ended, ...rest } = before
    return { lane, change: { lanes: new Map([[lane, { ...rest, position: to }]]) } }
  }
  if (stop.reason !== 'log_truncated' && stop.reason !== 'topic_recreated') {
    throw new UsageError('stop_unknown', `${lane} was stopped as "${stop.reason}", which this version does not know`, {
      hint: 'a newer version of Assay stopped it: accept the gap with that one',
    })
  }
  const { topic, partition } = parseLaneKey(lane)
  const logTopic = checkpoint.topics[topic]?.logTopic ?? topic
  const next = nextGeneration(checkpoint, logTopic, partition)
  const key = laneKey({ topic: next, partition })
  const known = checkpoint.topics[next]
  return {
    lane: key,
    change: {
      lanes: new Map([
        [lane, before],
        [key, { position: to, sequence: 0 }],
      ]),
      ...(!known && { topics: { [next]: { topicId, laneId: freeLaneId(next, checkpoint.topics), logTopic } } }),
    },
  }
}

/** Records are missing, but the offsets around them still mean what they meant. */
function isHole({ reason }: LaneStop): boolean {
  return reason === 'records_lost' || reason === 'records_unreadable' || reason === 'log_damaged'
}

function nextGeneration(checkpoint: Checkpoint, logTopic: string, partition: number): string {
  for (let generation = 2; ; generation++) {
    const name = generationName(logTopic, generation)
    if (!checkpoint.lanes.has(laneKey({ topic: name, partition }))) return name
  }
}

function ledgerRow({ lane, to, note, clock }: GapAcceptance, stop: LaneStop): string {
  const { topic, partition } = parseLaneKey(lane)
  const now = timestampLiteral(clock.now_ms())
  const end = isHole(stop) ? to : stop.to
  return `SELECT 'log' AS source, ${quoteText(topic)} AS topic, ${partition}::INTEGER AS "partition",
    ${stop.from}::BIGINT AS from_offset, ${end}::BIGINT AS to_offset, ${now} AS found_at, ${now} AS accepted_at,
    ${quoteText(note)} AS note`
}
