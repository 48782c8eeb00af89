import { type LaneKey, parseLaneKey } from '@assay/core'
import { ancestors, type Snapshot } from '@assay/iceberg'
import { type Checkpoint, isReplayLane, LANES_SUMMARY, replayLane, rollbackState } from '@assay/pipeline'
import { z } from 'zod'
import { type CheckList, Findings } from '../check.js'
import type { LaneRows } from '../pinned/lane-rows.js'
import type { PinnedScan } from '../pinned/pinned-scan.js'

/**
 * A table's checkpoint against the rows beside it: every row lies before its lane's position, the last one where it
 * says.
 */
export function checkPositions(scan: PinnedScan, rows: ReadonlyMap<LaneKey, LaneRows>, checks: CheckList): void {
  const findings = new Findings()
  const { lanes } = scan.checkpoint
  let counted = 0n
  for (const [key, { rows: count, greatest }] of rows) {
    counted += count
    const lane = lanes.get(key)
    if (!lane) findings.add(`${key}: ${count} rows of a lane that the checkpoint does not know`)
    else if (greatest >= lane.position) findings.add(`${key}/${greatest} lies at or past the position ${lane.position}`)
  }
  for (const [key, { written }] of lanes) {
    if (isReplayLane(parseLaneKey(key))) continue
    const greatest = rows.get(key)?.greatest
    if (written !== greatest) {
      findings.add(`${key}: the last row is ${greatest ?? 'none'}, the checkpoint says ${written ?? 'none'}`)
    }
  }
  checks.done(
    { promise: 'B2', subject: scan.name, claim: "every lane's rows end where its checkpoint says" },
    { lanes: lanes.size, rows: counted },
    findings,
  )
}

const lanesSchema = z.record(z.string(), z.looseObject({ position: z.string().regex(/^\d{1,19}$/) }))

/** Where the snapshot's batch left the lanes that it moved; other engines' snapshots tell of none. */
function lanesIn({ snapshotId, summary }: Snapshot, findings: Findings): readonly (readonly [string, string])[] {
  const text = summary[LANES_SUMMARY]
  if (text === undefined) return []
  const read = lanesSchema.safeParse(jsonOf(text))
  if (read.success) return Object.entries(read.data).map(([key, { position }]) => [key, position])
  for (const { path } of read.error.issues) {
    const member = path.length === 0 ? 'is no JSON object of lanes' : `has no position of a lane at ${path.join(' → ')}`
    findings.add(`snapshot ${snapshotId}: ${LANES_SUMMARY} ${member}`)
  }
  return []
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The checkpoint is the one that its commits wrote: what a hand has changed differs from the snapshots' history. */
export function checkHistory(scan: PinnedScan, checks: CheckList): void {
  if (!scan.pinned) return
  const { metadata } = scan.pinned.version
  const findings = new Findings()
  if (rollbackState(metadata, scan.checkpoint) === 'rolled_back') {
    findings.add(`the table was rolled back behind its checkpoint (snapshot ${scan.checkpoint.snapshot?.id})`)
  }
  const told = new Map<string, string>()
  for (const snapshot of ancestors(metadata)) {
    for (const [key, position] of lanesIn(snapshot, findings)) {
      if (!told.has(key)) told.set(key, position)
    }
  }
  for (const [key, position] of told) {
    const now = scan.checkpoint.lanes.get(key as LaneKey)?.position
    if (now?.toString() !== position)
      findings.add(`${key}: the checkpoint says ${now ?? 'nothing'}, its commit ${position}`)
  }
  checks.done(
    { promise: 'chain', subject: scan.name, claim: 'the checkpoint is the one that its snapshots committed' },
    { lanes: scan.checkpoint.lanes.size, lanes_in_history: told.size },
    findings,
  )
}

/** Downstream stands nowhere beyond upstream, and reads the tables that are there. */
export function checkChain(down: PinnedScan, ups: readonly PinnedScan[], checks: CheckList): void {
  if (!down.pinned) return
  const findings = new Findings()
  const upstream = new Map(ups.flatMap(({ checkpoint }) => [...checkpoint.lanes]))
  for (const [key, { position }] of down.checkpoint.lanes) {
    if (key === replayLane(down.definition)) continue
    const theirs = upstream.get(key)?.position
    if (theirs === undefined) findings.add(`${key} is no lane of ${ups.map(({ name }) => name).join(' or ')}`)
    else if (position > theirs) findings.add(`${key} stands at ${position}, beyond the ${theirs} of its upstream`)
  }
  findings.add(...wrongSources(down.checkpoint, ups))
  checks.done(
    { promise: 'chain', subject: down.name, claim: 'no lane stands beyond its upstream' },
    { lanes: down.checkpoint.lanes.size, lanes_upstream: upstream.size },
    findings,
  )
}

function wrongSources({ sources }: Checkpoint, ups: readonly PinnedScan[]): string[] {
  return ups.flatMap(({ name, pinned }) => {
    const known = sources[name]
    if (known === undefined || known === pinned?.uuid) return []
    return [`it was made from a ${name} with the uuid ${known}, not ${pinned?.uuid ?? 'one that is missing'}`]
  })
}
