import type { LaneKey, Position } from '@assay/core'
import type { Session } from '@assay/engine'
import { EVERY_LANE } from '@assay/event-log'
import type { Exchange } from '@assay/exchanges'
import type { Lake } from '@assay/lake'
import { DLQ_TABLE, type SchemaUnknown, silverStage, silverTable } from '@assay/medallion'
import {
  type BatchLimits,
  type Checkpoint,
  DEFAULT_LIMITS,
  loadParts,
  type RowPart,
  type Stage,
  type StageContext,
  type TableDefinition,
} from '@assay/pipeline'
import type { SchemaRegistry } from '@assay/schema-registry'
import type { OffsetRange, PinnedScan } from '../pinned/pinned-scan.js'
import { boundedTable, type FilesOf } from './bounded-table.js'
import { nextRound, type RuleHistory } from './rule-history.js'

/** A piece of silver as the stage derives it again from bronze. The queries hold until the next piece is asked for. */
interface DerivedPiece {
  readonly ranges: readonly OffsetRange[]
  /** SQL of the valid rows, and of the dead letters; undefined for none. */
  readonly rows: string | undefined
  readonly deadLetters: string | undefined
  /** What the stage knows of each lane after the piece. */
  readonly lanes: Checkpoint['lanes']
  /** Bronze rows that the piece was made of. */
  readonly count: number
}

interface Derivation {
  readonly lake: Lake
  readonly session: Session
  readonly exchange: Exchange
  readonly bronze: PinnedScan
  /** Position at which the piece ends in each lane. */
  readonly ends: ReadonlyMap<LaneKey, Position>
  readonly history: RuleHistory
  readonly limits?: BatchLimits
  /** Bronze files to read; the table's own unless given. */
  readonly files?: FilesOf
  /** Tells records that were judged without their schema; unless given, the registry of today decides. */
  readonly schemaUnknown?: SchemaUnknown
  /** What knows the records' schemas; the lake's own unless given. */
  readonly registry?: SchemaRegistry
}

/**
 * Runs silver's own stage over bronze, each stretch under the rule set that the ledger names for it. The stage's
 * files are not written: what it would write is handed out as queries instead.
 */
export async function* deriveSilver(derivation: Derivation): AsyncGenerator<DerivedPiece> {
  const { bronze, ends, exchange, history, session } = derivation
  const { pinned } = bronze
  if (!pinned) return
  const files: FilesOf = derivation.files ?? ((_pinned, filter) => bronze.files(filter))
  const written = { rows: [] as RowPart[], deadLetters: [] as RowPart[] }
  const context: StageContext = {
    session,
    clock: derivation.lake.clock,
    random: derivation.lake.random,
    limits: derivation.limits ?? DEFAULT_LIMITS,
    write: async (table, rows) => {
      if (typeof rows === 'string') throw new RangeError('silver is expected to write columns')
      if (table.name === DLQ_TABLE.name) written.deadLetters.push(...rows)
      else if (table.coordinates) written.rows.push(...rows)
      return undefined
    },
  }
  let own: Checkpoint = { sources: {}, topics: {}, lanes: new Map() }
  for (let round = nextRound(history, own, ends); round; round = nextRound(history, own, ends)) {
    const stage = stageOf(derivation, context, round.rules, boundedTable(bronze, pinned, round.ends, files))
    for (;;) {
      written.rows.length = 0
      written.deadLetters.length = 0
      const outcome = await stage.run(own, new AbortController().signal)
      if (outcome.kind === 'idle') break
      const before = own
      const moved = [...outcome.change.lanes].filter(([key, { position }]) => position > positionOf(before, key))
      own = { ...own, lanes: new Map([...own.lanes, ...outcome.change.lanes]) }
      yield {
        ranges: moved.map(([key, { position }]) => ({ key, from: positionOf(before, key), to: position })),
        rows: await selectOf(session, silverTable(exchange.name), written.rows),
        deadLetters: await selectOf(session, DLQ_TABLE, written.deadLetters),
        lanes: own.lanes,
        count: outcome.rows,
      }
    }
  }
}

function stageOf(
  { exchange, lake, registry = lake.registry, schemaUnknown }: Derivation,
  context: StageContext,
  rules: Parameters<typeof silverStage>[1]['rules'],
  bronze: Parameters<typeof silverStage>[1]['bronze'],
): Stage {
  return silverStage(context, {
    exchange,
    bronze,
    registry,
    assignment: EVERY_LANE,
    rules,
    adopt: false,
    ...(schemaUnknown && { schemaUnknown }),
  })
}

function positionOf({ lanes }: Checkpoint, key: LaneKey): bigint {
  return lanes.get(key)?.position ?? 0n
}

/** SQL of what was to be written to a table; undefined for nothing. */
async function selectOf(
  session: Session,
  table: TableDefinition,
  [first, ...others]: readonly RowPart[],
): Promise<string | undefined> {
  if (!first) return undefined
  const { name } = await loadParts(session, `derived_${table.name}`, table.columns, [first, ...others])
  return `SELECT * FROM ${name}`
}
