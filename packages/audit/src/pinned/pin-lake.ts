import type { Exchange } from '@assay/exchanges'
import {
  keyOfPath,
  type PendingEntry,
  type PlannedFile,
  pendingEntries,
  pendingProperty,
  publishedSequence,
} from '@assay/iceberg'
import type { Lake } from '@assay/lake'
import { ofTable, pinExisting } from '@assay/lake'
import {
  bronzeTable,
  DLQ_ARCHIVE_TABLE,
  DLQ_TABLE,
  DUPLICATES_TABLE,
  GAPS_TABLE,
  GOLD_TABLE,
  REPLAYS_TABLE,
  RESOLUTIONS_TABLE,
  RULE_SETS_TABLE,
  silverTable,
  TRADE_GAPS_TABLE,
} from '@assay/medallion'
import type { TableDefinition } from '@assay/pipeline'
import { type CheckList, Findings } from '../check.js'
import { PinnedScan } from './pinned-scan.js'

/** One snapshot of every table. */
export interface PinnedLake {
  readonly gold: PinnedScan
  readonly duplicates: PinnedScan
  readonly tradeGaps: PinnedScan
  readonly deadLetters: PinnedScan
  readonly archive: PinnedScan
  readonly resolutions: PinnedScan
  readonly replays: PinnedScan
  readonly ruleSets: PinnedScan
  readonly gaps: PinnedScan
  readonly exchanges: readonly PinnedExchange[]
  /** All pinned tables, upstream first. */
  readonly all: readonly PinnedScan[]
  /** A table of the lake by its definition. */
  readonly of: (definition: TableDefinition) => PinnedScan
}

export interface PinnedExchange {
  readonly exchange: Exchange
  readonly bronze: PinnedScan
  readonly silver: PinnedScan
}

/**
 * Pins every table once: downstream before upstream, so that whatever one of them shows is in those it came from; a
 * main table before its side tables; dead letters before the places that they move to. Workers may run meanwhile.
 */
export async function pinLake(lake: Lake, checks: CheckList): Promise<PinnedLake> {
  const pin = async (definition: TableDefinition): Promise<PinnedScan> => {
    const existing = await ofTable(definition, () => pinExisting(lake, definition))
    if ('value' in existing) return new PinnedScan(definition, existing.value)
    return new PinnedScan(definition, undefined, existing.problem)
  }
  const scans = new Map<string, PinnedScan>()
  for (const layer of [...lake.layers].reverse()) {
    const ofLayer: PinnedScan[] = []
    for (const { main } of layer.workers(lake.exchanges)) ofLayer.push(await pin(main))
    const mains = [...ofLayer]
    for (const side of layer.sides) ofLayer.push(await published(ofLayer, () => pin(side)))
    for (const scan of ofLayer) {
      scans.set(scan.name, scan)
      if (mains.includes(scan) || hasOutbox(scan)) checkOutbox(scan, ofLayer, checks)
    }
  }
  const of = ({ name }: TableDefinition): PinnedScan => {
    const scan = scans.get(name)
    if (!scan) throw new RangeError(`no layer of the lake has a table ${name}`)
    return scan
  }
  return {
    gold: of(GOLD_TABLE),
    duplicates: of(DUPLICATES_TABLE),
    tradeGaps: of(TRADE_GAPS_TABLE),
    deadLetters: of(DLQ_TABLE),
    archive: of(DLQ_ARCHIVE_TABLE),
    resolutions: of(RESOLUTIONS_TABLE),
    replays: of(REPLAYS_TABLE),
    ruleSets: of(RULE_SETS_TABLE),
    gaps: of(GAPS_TABLE),
    exchanges: lake.exchanges.map((exchange) => ({
      exchange,
      bronze: of(bronzeTable(exchange.name)),
      silver: of(silverTable(exchange.name)),
    })),
    all: lake.definitions.map(of),
    of,
  }
}

/** True for a table that has committed rows for tables beside it. */
function hasOutbox({ table, pinned }: PinnedScan): boolean {
  return (
    table !== undefined &&
    pinned?.version.metadata.properties[pendingProperty(table.table.propertyPrefix)] !== undefined
  )
}

/**
 * Pins a side table together with what its main tables have decided on and not published yet: a worker was just about
 * to, or died before it could, and the next one will.
 */
async function published(mains: readonly PinnedScan[], pin: () => Promise<PinnedScan>): Promise<PinnedScan> {
  const side = await pin()
  for (const { manifest } of mains.flatMap((main) => unpublished(main, side))) {
    side.addPending(await filesOf(side, manifest))
  }
  return side
}

/** Entries that the main table has decided on and the side table has not taken. */
function unpublished({ table, pinned }: PinnedScan, side: PinnedScan): PendingEntry[] {
  if (!table || !pinned) return []
  const { propertyPrefix } = table.table
  const metadata = side.pinned?.version.metadata
  const done = metadata ? publishedSequence(metadata, pinned.uuid, propertyPrefix) : 0
  return pendingEntries(pinned.version.metadata, propertyPrefix).filter(
    (entry) => entry.table === side.name && entry.sequence > done,
  )
}

async function filesOf({ table, pinned }: PinnedScan, path: string): Promise<PlannedFile[]> {
  if (!table || !pinned) return []
  const { version } = pinned
  const { entries } = await table.table.manifest(version, { path, specId: version.metadata.defaultSpecId })
  return entries.map(({ file, snapshotId }) => ({
    file,
    key: keyOfPath(version, file.path),
    sequenceNumber: pinned.sequence + 1,
    fileSequenceNumber: undefined,
    snapshotId: snapshotId ?? 0n,
    deletes: [],
  }))
}

function checkOutbox(main: PinnedScan, sides: readonly PinnedScan[], checks: CheckList): void {
  if (!main.table || !main.pinned) return
  const waiting = sides.flatMap((side) => unpublished(main, side).map(() => side.name))
  const pending = pendingEntries(main.pinned.version.metadata, main.table.table.propertyPrefix).length
  checks.done(
    { promise: 'D1', subject: main.name, claim: 'its outbox is published, or can be' },
    { in_outbox: pending, waiting: waiting.length },
    new Findings(),
    waiting.length > 0
      ? `rows for ${[...new Set(waiting)].join(', ')} wait: the next start of a worker publishes them`
      : undefined,
  )
}
