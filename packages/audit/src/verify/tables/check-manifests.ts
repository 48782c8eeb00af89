import {
  columnsOf,
  compareValues,
  currentSnapshot,
  isLive,
  keyOfPath,
  type ManifestFile,
  type ResolvedEntry,
  resolveEntry,
  type TableVersion,
} from '@assay/iceberg'
import type { Lake } from '@assay/lake'
import { type CheckList, Findings } from '../../check.js'
import type { PinnedScan } from '../../pinned/pinned-scan.js'

/**
 * The manifest list says of each manifest what stands in it (A12). Readers plan by these lines alone: a wrong one hides
 * files without a word.
 */
export async function checkManifests(lake: Lake, scan: PinnedScan, checks: CheckList): Promise<void> {
  if (!scan.table || !scan.pinned) return
  const { version } = scan.pinned
  const findings = new Findings()
  const snapshot = currentSnapshot(version.metadata)
  const manifests = await scan.table.table.manifests(version, snapshot)
  let entries = 0
  for (const manifest of manifests) {
    const name = keyOfPath(version, manifest.path)
    const size_bytes = await lake.store.size_bytes(name)
    if (size_bytes !== manifest.length_bytes) {
      findings.add(`${name} has ${size_bytes ?? 'no'} bytes, the manifest list says ${manifest.length_bytes}`)
      if (size_bytes === undefined) continue
    }
    const resolved = (await scan.table.table.manifest(version, manifest)).entries.map((one) =>
      resolveEntry(one, manifest),
    )
    entries += resolved.length
    const wrong = [
      ...wrongCounts(manifest, resolved),
      ...wrongSequences(manifest, resolved, snapshot?.sequenceNumber ?? 0),
      ...wrongPartitions(version, manifest, resolved),
    ]
    findings.add(...wrong.map((text) => `${name}: ${text}`))
  }
  checks.done(
    { promise: 'A12', subject: scan.name, claim: 'the manifest list says what is in its manifests' },
    { manifests: manifests.length, entries },
    findings,
  )
}

function wrongCounts(manifest: ManifestFile, entries: readonly ResolvedEntry[]): string[] {
  const files = { added: 0, existing: 0, deleted: 0 }
  const rows = { added: 0, existing: 0, deleted: 0 }
  for (const { status, file } of entries) {
    files[status] += 1
    rows[status] += file.recordCount
  }
  const told = [
    ['added files', manifest.addedFiles, files.added],
    ['existing files', manifest.existingFiles, files.existing],
    ['deleted files', manifest.deletedFiles, files.deleted],
    ['added rows', manifest.addedRows, rows.added],
    ['existing rows', manifest.existingRows, rows.existing],
    ['deleted rows', manifest.deletedRows, rows.deleted],
  ] as const
  return told.flatMap(([what, listed, found]) =>
    listed === found ? [] : [`${found} ${what}, the manifest list says ${listed}`],
  )
}

function wrongSequences(manifest: ManifestFile, entries: readonly ResolvedEntry[], newest: number): string[] {
  const wrong: string[] = []
  if (manifest.sequenceNumber > newest) {
    wrong.push(`its sequence number ${manifest.sequenceNumber} is above the snapshot's, ${newest}`)
  }
  for (const entry of entries.filter(isLive)) {
    const { sequenceNumber, fileSequenceNumber } = entry
    if ((fileSequenceNumber ?? 0) > manifest.sequenceNumber) {
      wrong.push(`${entry.file.path} has the file sequence number ${fileSequenceNumber}, above the manifest's`)
    }
    if (sequenceNumber < manifest.minSequenceNumber) {
      wrong.push(`${entry.file.path} has the sequence number ${sequenceNumber}, below the least that the list says`)
    }
  }
  return wrong
}

/** The summaries of the partition fields admit every live file of the manifest. */
function wrongPartitions(version: TableVersion, manifest: ManifestFile, entries: readonly ResolvedEntry[]): string[] {
  const { partitions } = manifest
  if (!partitions) return []
  const columns = columnsOf(version.metadata)(manifest.specId)
  return entries.filter(isLive).flatMap(({ file }) =>
    columns.flatMap(({ name }, i) => {
      const summary = partitions[i]
      const value = file.partition[i] ?? null
      const isAdmitted =
        value === null
          ? summary?.containsNull !== false
          : summary?.lower !== undefined &&
            summary.upper !== undefined &&
            compareValues(summary.lower, value) <= 0 &&
            compareValues(summary.upper, value) >= 0
      return isAdmitted ? [] : [`the list's summary of ${name} does not admit ${file.path}`]
    }),
  )
}
