import {
  type CommitOutcome,
  commit,
  type PendingManifest,
  pendingChange,
  pendingEntries,
  writePendingManifest,
} from '@assay/iceberg'
import {
  CHECKPOINT_PROPERTY,
  LANES_SUMMARY,
  lanesJson,
  parseCheckpoint,
  serializeCheckpoint,
} from '../checkpoint/checkpoint.js'
import { applyChange, brokenDemand, movedLanes } from '../checkpoint/demand.js'
import type { Batch } from '../stage/stage.js'
import type { LakeTable } from '../table/lake-table.js'
import { rollbackState } from '../table/rollback.js'
import { publishPending } from './publish.js'

type BatchOutcome =
  | { readonly kind: 'committed'; readonly snapshot: { readonly id: bigint; readonly sequence: number } }
  /** The table is no longer what the batch was derived from; its files are gone, nothing else has changed. */
  | { readonly kind: 'refused'; readonly reason: string }

interface SideManifest {
  readonly table: string
  readonly manifest: PendingManifest
}

/** Refusals that are mended by publishing what others left in the outbox. */
const PENDING = 'pending_entries'
const PUBLISH_ATTEMPTS_MAX = 20

/**
 * Commits rows and checkpoint in one step, with the side rows in the outbox. `known` are entries of it that are in their
 * side tables already, if they have been looked at.
 * Refused when what the batch was derived from has changed. After an outage whose outcome is unknown
 * nothing is deleted: the batch may have been committed.
 */
export async function commitBatch(
  main: LakeTable,
  sides: ReadonlyMap<string, LakeTable>,
  batch: Batch,
  known?: ReadonlySet<string>,
): Promise<BatchOutcome> {
  const manifests: SideManifest[] = []
  for (const { table, files } of batch.sides) {
    manifests.push({
      table: table.name,
      manifest: await writePendingManifest(sideTable(sides, table.name).table, files),
    })
  }
  for (let attempt = 1; ; attempt++) {
    const published = attempt === 1 && known ? known : await publishPending(main, sides)
    const outcome = await commitOnce(main, batch, manifests, published)
    if (outcome.kind === 'committed') {
      main.announceCommit()
      return {
        kind: 'committed',
        snapshot: { id: outcome.snapshot.snapshotId, sequence: outcome.snapshot.sequenceNumber },
      }
    }
    if (outcome.reason === PENDING && attempt < PUBLISH_ATTEMPTS_MAX) continue
    if (outcome.kind === 'refused') await dropFiles(main, sides, batch)
    return { kind: 'refused', reason: outcome.reason }
  }
}

function commitOnce(
  main: LakeTable,
  batch: Batch,
  manifests: readonly SideManifest[],
  published: ReadonlySet<string>,
): Promise<CommitOutcome> {
  const { table, definition } = main
  return commit(table, {
    sequenceAbove: ({ tableUuid }) => publishedBefore(tableUuid, manifests),
    prepare(base, next) {
      const current = parseCheckpoint(base.properties[CHECKPOINT_PROPERTY], definition.name)
      if (rollbackState(base, current) === 'rolled_back') return { kind: 'refuse', reason: 'rolled_back' }
      const waiting = pendingEntries(base, table.propertyPrefix).some((entry) => !published.has(entry.manifest))
      if (waiting) return { kind: 'refuse', reason: PENDING }
      const broken = brokenDemand(batch.change, current, definition.state?.noted)
      if (broken) return { kind: 'refuse', reason: `${broken} was changed by another worker` }
      const snapshot = { id: next.snapshotId, sequence: next.sequenceNumber }
      const add = manifests.map(({ table: name, manifest }) => ({
        table: name,
        manifest: manifest.path,
        length_bytes: manifest.length_bytes,
        sequence: next.sequenceNumber,
      }))
      return {
        kind: 'proceed',
        change: {
          operation: batch.replaces ? 'overwrite' : 'append',
          addFiles: batch.files,
          ...(batch.replaces && { removeFiles: batch.replaces.paths, plannedAt: batch.replaces.plannedAt }),
          setProperties: {
            [CHECKPOINT_PROPERTY]: serializeCheckpoint(applyChange(current, batch.change, snapshot)),
            ...pendingChange(base, table.propertyPrefix, { add, published }),
          },
          summary: { [LANES_SUMMARY]: lanesJson(movedLanes(current, batch.change)) },
        },
      }
    },
  })
}

/** The greatest sequence number of this main table that its side tables have taken, whatever its own metadata says. */
function publishedBefore(uuid: string, manifests: readonly SideManifest[]): number {
  return Math.max(0, ...manifests.map(({ manifest }) => manifest.published.get(uuid) ?? 0))
}

/** Deletes the files of a batch that was never committed and never will be. */
export async function dropFiles(main: LakeTable, sides: ReadonlyMap<string, LakeTable>, batch: Batch): Promise<void> {
  await main.discard(batch.files)
  for (const { table, files } of batch.sides) await sideTable(sides, table.name).discard(files)
}

function sideTable(sides: ReadonlyMap<string, LakeTable>, name: string): LakeTable {
  const side = sides.get(name)
  if (!side) throw new RangeError(`no side table ${name} is open`)
  return side
}
