import { AssayError, type Position, parseLaneKey, position, START } from '@assay/core'
import { type Exchange, readerSchemaOf } from '@assay/exchanges'
import type { LakeTable, PinnedTable, SideFiles, StageContext } from '@assay/pipeline'
import { commitBatch, isFileGone, pinTrusted, publishPending, replayLane } from '@assay/pipeline'
import { fixedColumn, type RuleSet, reasonOf } from '@assay/rules'
import type { SchemaRegistry } from '@assay/schema-registry'
import type { DeadLetterFilter } from '../silver/dead-letter-filter.js'
import { RESOLUTIONS_TABLE } from '../silver/dead-letter-tables.js'
import { countWithinLookups, decoderLookup } from '../silver/decode.js'
import { laneState, readLaneState } from '../silver/lanes/lane-state.js'
import { firstRows } from '../silver/rows/rows.js'
import { type RuleOutcome, ruleOutcome } from '../silver/rule-outcome.js'
import { type SortedRows, sortRows } from '../silver/sort-rows.js'
import { writeRuleSets, writeValid } from '../silver/write.js'
import { applyCorrection, badCorrection, type Correction, correctedLookup } from './correction.js'
import { type ReplayCounts, type ReplayEntry, writeReplay, writeResolutions } from './replay-ledger.js'
import {
  coordinatesOf,
  coordinateText,
  type DeadLetterBatch,
  type DeadLetterCoordinates,
  loadCoordinates,
  selectDeadLetters,
} from './select-dead-letters.js'

interface ReplayOptions {
  readonly context: StageContext
  readonly exchange: Exchange
  readonly registry: SchemaRegistry
  /** The rules that dead letters are judged by. */
  readonly rules: RuleSet
  readonly bronze: LakeTable
  readonly silver: LakeTable
  /** The queue of dead letters, or its archive. */
  readonly deadLetters: LakeTable
  /** Silver's side tables by name; those that are missing are empty, and only a dry run may lack any. */
  readonly sides: ReadonlyMap<string, LakeTable>
  readonly filter: DeadLetterFilter
  /** Corrections; if given, only the dead letters that they correct are replayed. */
  readonly correction?: Correction
  /** Only judge and count, and write nothing (D4). */
  readonly dryRun: boolean
  /** Told after each batch of dead letters. */
  readonly onProgress?: (counts: ReplayCounts) => void
}

export interface ReplayReport extends ReplayCounts {
  /** Id of the replay; undefined for a dry run. */
  readonly replay_id: string | undefined
  readonly rule_version: string
  /** Dead letters that still fail, by the reason of today. */
  readonly reasons: Readonly<Record<string, number>>
  /** False when it was stopped before the last dead letter; another replay goes on. */
  readonly finished: boolean
}

/** A batch that loses so often meets something other than another replay. */
const REFUSED_MAX = 50
const REFUSED_WAIT_MS = 200

/**
 * Judges open dead letters again, by the same code and the present rules, and commits those that pass to silver: rows,
 * the position of the table's lane of replays, the dead letters' resolutions and the ledger in one commit a batch. So a
 * dead letter is replayed once, whoever else replays it and wherever this is killed (D1). Throws `bad_fix_file` before
 * anything is written.
 */
export async function replay(options: ReplayOptions, signal: AbortSignal): Promise<ReplayReport> {
  if (options.correction) await new Replay(options).checkCorrection(options.correction)
  return new Replay(options).run(signal)
}

/** Dead letters read and judged, and the state of silver that they were found open in. */
interface JudgedDeadLetters {
  readonly pinned: PinnedTable
  readonly batch: DeadLetterBatch
  readonly outcome: RuleOutcome
  readonly sorted: SortedRows
  readonly reasons: Readonly<Record<string, number>>
}

class Replay {
  readonly #options: ReplayOptions
  readonly #entry: ReplayEntry
  readonly #lookup: ReturnType<typeof decoderLookup>
  #after: DeadLetterCoordinates | undefined
  #counts: ReplayCounts = { selected: 0, passed: 0, still_failing: 0 }
  readonly #reasons: Record<string, number> = {}
  /** True once the ledger has a row of the replay's beginning. */
  #isBegun = false

  constructor(options: ReplayOptions) {
    const { context, exchange, registry, rules, deadLetters, silver, filter, correction } = options
    this.#options = options
    this.#lookup = decoderLookup(registry, readerSchemaOf(exchange), rules.decoding)
    this.#entry = {
      replay_id: context.random.uuid(),
      started_ms: context.clock.now_ms(),
      source_table: deadLetters.definition.name,
      target_table: silver.definition.name,
      filter,
      rule_version: rules.version,
      fix:
        correction &&
        JSON.stringify([...correction.deadLetters].map(([coordinate, { fields }]) => ({ coordinate, fields }))),
    }
  }

  async run(signal: AbortSignal): Promise<ReplayReport> {
    let more = true
    for (let refused = 0; more && !signal.aborted; ) {
      const judged = await this.#judgeNext()
      const counts = this.#countsWith(judged)
      if (!this.#options.dryRun && !(await this.#commit(judged, counts))) {
        if (++refused === REFUSED_MAX) throw contended(this.#entry.target_table)
        const { clock, random } = this.#options.context
        await clock.sleep(REFUSED_WAIT_MS * random.unit(), signal)
        continue
      }
      refused = 0
      this.#counts = counts
      this.#options.onProgress?.(counts)
      for (const [reason, n] of Object.entries(judged.reasons)) this.#reasons[reason] = (this.#reasons[reason] ?? 0) + n
      const { count } = judged.batch.rows
      if (count > 0) this.#after = coordinatesOf(judged.batch, count - 1)
      more = judged.batch.more
    }
    const { replay_id, rule_version } = this.#entry
    const report = { ...this.#counts, rule_version, reasons: this.#reasons, finished: !more }
    return { ...report, replay_id: this.#options.dryRun ? undefined : replay_id }
  }

  /** Every dead letter that is to be corrected has to be there, and its correction to make a record. */
  async checkCorrection(correction: Correction): Promise<void> {
    const { silver, exchange } = this.#options
    const missing = new Set(correction.deadLetters.keys())
    const mistakes: string[] = []
    for (let more = true; more; ) {
      const batch = await this.#select(await silver.pin())
      const corrected = await applyCorrection(batch, correction, exchange, this.#lookup)
      mistakes.push(...corrected.mistakes)
      for (let row = 0; row < batch.rows.count; row++) missing.delete(coordinateText(coordinatesOf(batch, row)))
      if (batch.rows.count > 0) this.#after = coordinatesOf(batch, batch.rows.count - 1)
      more = batch.more
    }
    for (const coordinate of missing)
      mistakes.push(`${coordinate}: no open dead letter of ${this.#entry.source_table} that the filter takes`)
    if (mistakes.length > 0) throw badCorrection(mistakes)
  }

  #countsWith({ batch, sorted }: JudgedDeadLetters): ReplayCounts {
    const { count } = batch.rows
    const passed = sorted.valid.length
    return {
      selected: this.#counts.selected + count,
      passed: this.#counts.passed + passed,
      still_failing: this.#counts.still_failing + count - passed,
    }
  }

  /** Plans again once when a clean-up took a file that the plan named. */
  async #judgeNext(): Promise<JudgedDeadLetters> {
    try {
      return await this.#judge()
    } catch (error) {
      if (!isFileGone(error)) throw error
      return this.#judge()
    }
  }

  async #judge(): Promise<JudgedDeadLetters> {
    const { context, exchange, rules, bronze, correction } = this.#options
    const { session, limits } = context
    const pinned = await this.#pin()
    let batch = await this.#select(pinned)
    batch = cutAt(batch, countWithinLookups(batch.rows))
    if (correction) batch = (await applyCorrection(batch, correction, exchange, this.#lookup)).batch
    const lookup = correction ? correctedLookup(exchange, rules.decoding) : this.#lookup
    const origin = { lanes: batch.lanes, bronze: (await bronze.pin()).checkpoint }
    const judged = await ruleOutcome(session, { exchange, rules, lookup }, batch.rows, origin)
    const times_us = fixedColumn(judged.columns, 'event_time_us', 'BIGINT').data
    const { count } = batch.rows
    // Replays go on behind one dead letter, whatever its lane, so that they are cut as if they had but one.
    const sorted = sortRows(batch.rows, times_us, judged, { ends: [count], maxPartitions: limits.maxPartitions })
    const { valid, rejected } = sorted
    return {
      pinned,
      batch: cutAt(batch, valid.length + rejected.length),
      outcome: judged,
      sorted,
      reasons: countsOf(Array.from(rejected, (row) => reasonOf(rules, judged.broken[row] as number))),
    }
  }

  async #pin(): Promise<PinnedTable> {
    const { silver, sides, context, dryRun } = this.#options
    if (!dryRun) await publishPending(silver, sides)
    return pinTrusted(silver, context.session)
  }

  async #select(pinned: PinnedTable): Promise<DeadLetterBatch> {
    const { context, deadLetters, bronze, silver, sides, filter, correction } = this.#options
    const coordinates = correction && [...correction.deadLetters.values()].map(({ coordinates }) => coordinates)
    const only = coordinates && (await loadCoordinates(context.session, 'replay_only', coordinates))
    return selectDeadLetters(
      context.session,
      { deadLetters, bronze, silver, resolutions: sides.get(RESOLUTIONS_TABLE.name) },
      pinned,
      { filter, after: this.#after, ...(only && { only }) },
      context.limits,
    )
  }

  /** False when silver has changed meanwhile: then nothing was written. */
  async #commit(judged: JudgedDeadLetters, counts: ReplayCounts): Promise<boolean> {
    const { pinned, batch, outcome: ruled, sorted } = judged
    const { context, silver, sides, rules } = this.#options
    const passed = sorted.valid.length
    if (passed === 0 && batch.more) return true
    const lane = replayLane(silver.definition)
    const before = pinned.checkpoint.lanes.get(lane)
    const from = before?.position ?? START
    const replay = { id: this.#entry.replay_id, sequences: sequencesOf(sorted.valid, ruled.broken.length, from) }
    const next = position(from + BigInt(passed))
    const moved = passed > 0 && { written: next - 1n, state: laneState({ rules: rules.version }) }
    // Replayed rows are neither late nor in time.
    const { count } = batch.rows
    const lateness = { isLate: new Uint8Array(count), lateness_ms: new BigInt64Array(count), lanes: [] }
    const written = await writeValid(
      context,
      silver.definition,
      { ...ruled, rows: batch.rows, sorted, lateness },
      replay,
    )
    const outcome = await commitBatch(silver, sides, {
      kind: 'batch',
      files: written.files,
      sides: await this.#writeSides(judged, counts, from),
      change: {
        basis: pinned.checkpoint,
        lanes: new Map([[lane, { sequence: 0, ...before, position: next, ...moved }]]),
        wholeCheckpoint: false,
      },
      rows: batch.rows.count,
      more: batch.more,
      counts: {},
      committed: () => undefined,
    })
    if (outcome.kind !== 'committed') return false
    this.#isBegun = true
    await publishPending(silver, sides)
    return true
  }

  /**
   * Resolutions of the dead letters that passed; the replay's rows in the ledger; the rules, if they are new to the lane
   * of replays.
   */
  async #writeSides(
    { pinned, batch, sorted: { valid } }: JudgedDeadLetters,
    counts: ReplayCounts,
    from: Position,
  ): Promise<SideFiles[]> {
    const { context, silver, rules } = this.#options
    const { replay_id } = this.#entry
    const sides: SideFiles[] = []
    if (!batch.more) sides.push(...(await writeReplay(context, this.#entry, counts)))
    else if (!this.#isBegun) sides.push(...(await writeReplay(context, this.#entry, undefined)))
    if (valid.length === 0) return sides
    const coordinates = Array.from(valid, (row) => coordinatesOf(batch, row))
    const replayed = await loadCoordinates(context.session, 'replay_passed', coordinates)
    const at_ms = context.clock.now_ms()
    sides.push(
      ...(await writeResolutions(context, `FROM ${replayed.name}`, { resolution: 'replayed', at_ms, replay_id })),
    )
    const lane = replayLane(silver.definition)
    if (readLaneState(pinned.checkpoint.lanes.get(lane)).rules !== rules.version) {
      const begun = [{ lane: parseLaneKey(lane), from }]
      sides.push(...(await writeRuleSets(context, silver.definition.name, rules, begun)))
    }
    return sides
  }
}

function countsOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

function cutAt(batch: DeadLetterBatch, count: number): DeadLetterBatch {
  return count === batch.rows.count ? batch : { ...batch, rows: firstRows(batch.rows, count), more: true }
}

/** The rows that pass follow one another in the lane of replays. */
function sequencesOf(valid: Uint32Array, count: number, from: bigint): BigInt64Array {
  const sequences = new BigInt64Array(count)
  for (const [place, row] of valid.entries()) sequences[row] = from + BigInt(place)
  return sequences
}

function contended(table: string): AssayError {
  return new AssayError('replay_contended', `${table} changed under ${REFUSED_MAX} attempts to replay into it`, {
    hint: 'other replays into the table are running; what was committed stays, run this one again after them',
    retryable: true,
  })
}
