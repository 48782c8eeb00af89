import { AssayError } from '@assay/core'
import type { ManifestFile } from './manifest-list.js'
import { MAIN_BRANCH, type Snapshot, type TableMetadata } from './metadata.js'
import { greatestFieldId } from './schema.js'

/** A rule of the format that a metadata file breaks. */
interface BrokenInvariant {
  /** The member of the file, such as `snapshots[3].sequence-number`. */
  readonly field: string
  readonly problem: string
  /** Whether rows could be skipped, doubled or lost by going on; the rest is lived with, and told by `verify`. */
  readonly isHarmful: boolean
}

/** Beyond, a time can no longer be written with four digits of a year. */
const TIME_MAX_MS = Date.UTC(9999, 11, 31)

/** Numbers beyond leave no room to count on within what JSON carries exactly. */
const SEQUENCE_MAX = 2 ** 52

/** The greatest sequence number that the table has given out, whatever `last-sequence-number` says. */
export function greatestSequence({ lastSequenceNumber, snapshots }: TableMetadata): number {
  return snapshots.reduce((greatest, { sequenceNumber }) => Math.max(greatest, sequenceNumber), lastSequenceNumber)
}

/** Every rule of the format that the metadata breaks, harmful ones first. */
export function brokenInvariants(metadata: TableMetadata): readonly BrokenInvariant[] {
  const found = [
    ...brokenIds(metadata),
    ...brokenRefs(metadata),
    ...brokenSequences(metadata),
    ...brokenTimes(metadata),
    ...brokenSchemas(metadata),
  ]
  return found.sort((a, b) => Number(b.isHarmful) - Number(a.isHarmful))
}

/** Throws `metadata_inconsistent` where going on could skip, double or lose rows. */
export function checkInvariants(metadata: TableMetadata): void {
  const harmful = brokenInvariants(metadata).filter(({ isHarmful }) => isHarmful)
  if (harmful.length === 0) return
  const [first] = harmful
  const more = harmful.length > 1 ? ` (and ${harmful.length - 1} more)` : ''
  throw new AssayError('metadata_inconsistent', `${first?.field}: ${first?.problem}${more}`, {
    hint:
      'some engine or hand wrote metadata that breaks the format, and nothing is read or written on it; let that engine ' +
      'mend the table, or restore the metadata file from a copy of the lake',
  })
}

function harmful(field: string, problem: string): BrokenInvariant {
  return { field, problem, isHarmful: true }
}

function harmless(field: string, problem: string): BrokenInvariant {
  return { field, problem, isHarmful: false }
}

function brokenIds({ snapshots, schemas, partitionSpecs, currentSnapshotId }: TableMetadata): BrokenInvariant[] {
  const found = [
    ...twice(snapshots.map(({ snapshotId }) => snapshotId)).map((id) =>
      harmful('snapshots', `snapshot ${id} is there twice`),
    ),
    ...twice(schemas.map(({ schemaId }) => schemaId)).map((id) => harmful('schemas', `schema ${id} is there twice`)),
    ...twice(partitionSpecs.map(({ specId }) => specId)).map((id) =>
      harmful('partition-specs', `partition spec ${id} is there twice`),
    ),
  ]
  if (currentSnapshotId !== undefined && !snapshots.some(({ snapshotId }) => snapshotId === currentSnapshotId)) {
    found.push(harmful('current-snapshot-id', `snapshot ${currentSnapshotId} is not in the table`))
  }
  return found
}

function twice<T>(values: readonly T[]): T[] {
  const seen = new Set<T>()
  return values.filter((value) => seen.size === seen.add(value).size)
}

function brokenRefs({ refs, snapshots, currentSnapshotId }: TableMetadata): BrokenInvariant[] {
  const known = new Set(snapshots.map(({ snapshotId }) => snapshotId))
  const found = Object.entries(refs)
    .filter(([, { snapshotId }]) => !known.has(snapshotId))
    .map(([name, { snapshotId }]) => harmful(`refs.${name}`, `snapshot ${snapshotId} is not in the table`))
  const main = refs[MAIN_BRANCH]
  // A file without main is read as one whose main is the current snapshot, as other engines do.
  if (main && main.snapshotId !== currentSnapshotId) {
    const current = currentSnapshotId ?? 'none'
    found.push(harmful(`refs.${MAIN_BRANCH}`, `is ${main.snapshotId}, current-snapshot-id is ${current}`))
  }
  return found
}

function brokenSequences(metadata: TableMetadata): BrokenInvariant[] {
  const { snapshots, lastSequenceNumber } = metadata
  const byId = new Map(snapshots.map((snapshot) => [snapshot.snapshotId, snapshot]))
  const found: BrokenInvariant[] = []
  for (const [i, { sequenceNumber, parentId }] of snapshots.entries()) {
    const field = `snapshots[${i}].sequence-number`
    if (sequenceNumber < 0) found.push(harmful(field, `${sequenceNumber} is below zero`))
    const parent = parentId === undefined ? undefined : byId.get(parentId)
    if (parent && !isAbove(sequenceNumber, parent)) {
      found.push(harmful(field, `${sequenceNumber} is not above the ${parent.sequenceNumber} of its parent`))
    }
  }
  const greatest = greatestSequence(metadata)
  if (lastSequenceNumber < 0) found.push(harmful('last-sequence-number', `${lastSequenceNumber} is below zero`))
  else if (greatest > SEQUENCE_MAX) found.push(harmful('last-sequence-number', `${greatest} is beyond 2^52`))
  else if (lastSequenceNumber < greatest) {
    // Some engines lower it when they roll a table back; the next commit counts on from the greatest.
    found.push(harmless('last-sequence-number', `${lastSequenceNumber} is below the ${greatest} of a snapshot`))
  }
  return found
}

/** Snapshots from before an upgrade to format version 2 all have the number 0. */
function isAbove(sequenceNumber: number, parent: Snapshot): boolean {
  return sequenceNumber > parent.sequenceNumber || (sequenceNumber === 0 && parent.sequenceNumber === 0)
}

/**
 * Lines of a snapshot's manifest list whose sequence numbers cannot be: a plan that believed them would take files for
 * older than they are. Throws `manifest_list_inconsistent`.
 */
export function checkManifestList(
  { snapshots }: TableMetadata,
  snapshot: Snapshot,
  manifests: readonly ManifestFile[],
): void {
  const known = new Map(snapshots.map(({ snapshotId, sequenceNumber }) => [snapshotId, sequenceNumber]))
  for (const { path, sequenceNumber, addedSnapshotId } of manifests) {
    const adding = known.get(addedSnapshotId)
    const problem =
      sequenceNumber > snapshot.sequenceNumber
        ? `above the ${snapshot.sequenceNumber} of snapshot ${snapshot.snapshotId} that lists it`
        : adding !== undefined && adding !== sequenceNumber && sequenceNumber > 0
          ? `not the ${adding} of snapshot ${addedSnapshotId} that added it`
          : undefined
    if (problem === undefined) continue
    throw new AssayError(
      'manifest_list_inconsistent',
      `${snapshot.manifestList}: sequence_number ${sequenceNumber} of ${path} is ${problem}`,
      { hint: 'some engine or hand wrote a manifest list that breaks the format: restore it from a copy of the lake' },
    )
  }
}

function brokenTimes({ snapshots, lastUpdated_ms }: TableMetadata): BrokenInvariant[] {
  const times = [
    ...snapshots.map(({ timestamp_ms }, i) => [`snapshots[${i}].timestamp-ms`, timestamp_ms] as const),
    ['last-updated-ms', lastUpdated_ms] as const,
  ]
  const found = times
    .filter(([, time_ms]) => time_ms < 0 || time_ms > TIME_MAX_MS)
    .map(([field, time_ms]) => harmful(field, `${time_ms} is no time`))
  const byId = new Map(snapshots.map((snapshot) => [snapshot.snapshotId, snapshot]))
  for (const [i, { timestamp_ms, parentId }] of snapshots.entries()) {
    const parent = parentId === undefined ? undefined : byId.get(parentId)
    if (parent && timestamp_ms < parent.timestamp_ms) {
      found.push(harmless(`snapshots[${i}].timestamp-ms`, 'is before the time of its parent'))
    }
  }
  return found
}

function brokenSchemas(metadata: TableMetadata): BrokenInvariant[] {
  const { schemas, snapshots, lastColumnId, partitionSpecs, lastPartitionId } = metadata
  const found: BrokenInvariant[] = []
  const greatest = Math.max(0, ...schemas.map(greatestFieldId))
  // A column added next would take the id of one that is there.
  if (lastColumnId < greatest)
    found.push(harmful('last-column-id', `${lastColumnId} is below the ${greatest} of a field`))
  const greatestPartition = Math.max(0, ...partitionSpecs.flatMap(({ fields }) => fields.map(({ fieldId }) => fieldId)))
  if (lastPartitionId < greatestPartition) {
    found.push(
      harmless('last-partition-id', `${lastPartitionId} is below the ${greatestPartition} of a partition field`),
    )
  }
  const known = new Set(schemas.map(({ schemaId }) => schemaId))
  for (const [i, { schemaId }] of snapshots.entries()) {
    if (schemaId !== undefined && !known.has(schemaId)) {
      found.push(harmless(`snapshots[${i}].schema-id`, `schema ${schemaId} is not in the table`))
    }
  }
  return found
}
