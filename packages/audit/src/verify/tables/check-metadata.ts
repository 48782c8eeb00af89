import { ancestors, brokenInvariants } from '@assay/iceberg'
import { type CheckList, Findings } from '../../check.js'
import type { PinnedScan } from '../../pinned/pinned-scan.js'

/** The table's metadata keeps the rules of its format, those too that are lived with while workers run (A12). */
export async function checkMetadata(scan: PinnedScan, checks: CheckList): Promise<void> {
  if (!scan.pinned || !scan.table) return
  const { version } = scan.pinned
  const { table } = scan.table
  const findings = new Findings()
  for (const { field, problem } of brokenInvariants(version.metadata)) findings.add(`${field}: ${problem}`)
  // Reading a manifest list checks the sequence numbers of its lines.
  let lists = 0
  for (const snapshot of ancestors(version.metadata)) {
    await table.manifests(version, snapshot)
    lists += 1
  }
  checks.done(
    { promise: 'A12', subject: scan.name, claim: 'its metadata keeps the rules of the format' },
    { snapshots: version.metadata.snapshots.length, manifest_lists: lists },
    findings,
  )
}

/** No lane was read up to a sequence number that its upstream has not given out. */
export function checkSequences(down: PinnedScan, ups: readonly PinnedScan[], checks: CheckList): void {
  if (!down.pinned) return
  const findings = new Findings()
  let lanes = 0
  for (const { name, pinned } of ups) {
    for (const key of pinned?.checkpoint.lanes.keys() ?? []) {
      const lane = down.checkpoint.lanes.get(key)
      if (!lane) continue
      lanes += 1
      const reached = pinned?.sequence ?? 0
      if (lane.sequence > reached)
        findings.add(`${key} was read up to ${lane.sequence} of ${name}, which is at ${reached}`)
    }
  }
  checks.done(
    { promise: 'A12', subject: down.name, claim: 'no lane is ahead of the sequence numbers of its upstream' },
    { lanes },
    findings,
  )
}
