import { type LaneKey, position } from '@assay/core'
import type { Snapshot } from '@assay/iceberg'
import { type Checkpoint, EMPTY_CHECKPOINT, LANES_SUMMARY, type LaneCheckpoint } from '@assay/pipeline'
import { describe, expect, it } from 'vitest'
import { type Check, CheckList, Findings, reportOf } from '../src/check.js'
import type { LaneRows } from '../src/pinned/lane-rows.js'
import type { PinnedScan } from '../src/pinned/pinned-scan.js'
import { checkChain, checkHistory, checkPositions } from '../src/verify/check-positions.js'
import { checkSequences } from '../src/verify/tables/check-metadata.js'

const KEYS = ['a/0', 'a/1', 'b/0', 'b/1'] as LaneKey[]
const AT = 10n
const SEQUENCE = 7

type Change = (lane: LaneCheckpoint) => LaneCheckpoint

/** A table of four lanes, each read to the same position; one of them as the change makes it. */
function scanOf(name: string, changed?: { readonly key: LaneKey; readonly to: Change }): PinnedScan {
  const lane: LaneCheckpoint = { position: position(AT), sequence: SEQUENCE, written: AT - 1n }
  const lanes = new Map(KEYS.map((key) => [key, key === changed?.key ? changed.to(lane) : lane]))
  const checkpoint: Checkpoint = { ...EMPTY_CHECKPOINT, lanes }
  const told = Object.fromEntries(KEYS.map((key) => [key, { position: String(AT) }]))
  const snapshot = {
    snapshotId: 1n,
    sequenceNumber: SEQUENCE,
    summary: { [LANES_SUMMARY]: JSON.stringify(told) },
  } as unknown as Snapshot
  const metadata = { snapshots: [snapshot], currentSnapshotId: 1n, refs: {}, tableUuid: 'uuid' }
  const pinned = { version: { metadata }, checkpoint, uuid: 'uuid', sequence: SEQUENCE }
  return { name, checkpoint, pinned, definition: { name } } as unknown as PinnedScan
}

const rows: ReadonlyMap<LaneKey, LaneRows> = new Map(
  KEYS.map((key) => [key, { rows: AT, least: 0n, greatest: AT - 1n } as LaneRows]),
)

const moved =
  (by: bigint): Change =>
  (lane) => ({ ...lane, position: position(lane.position + by) })

function checksOf(work: (checks: CheckList) => void): readonly Check[] {
  const list = new CheckList(() => undefined)
  work(list)
  return list.checks
}

/** What is found when one lane is changed, for each lane in turn: the first, those between, and the last. */
function expectEachLane(check: (scan: PinnedScan, checks: CheckList) => void, to: Change): void {
  expect(checksOf((checks) => check(scanOf('t'), checks)).flatMap(({ found }) => found)).toEqual([])
  for (const key of KEYS) {
    const found = checksOf((checks) => check(scanOf('t', { key, to }), checks)).flatMap((one) => one.found)
    expect({ key, found }).toEqual({ key, found: [expect.stringContaining(key)] })
  }
}

describe('A12: every lane of a checkpoint is looked at, the last one, too', () => {
  it('B2: a position below rows that are there', () => {
    expectEachLane((scan, checks) => checkPositions(scan, rows, checks), moved(-1n))
  })

  it('B2: a last row that is another than the checkpoint says', () => {
    expectEachLane(
      (scan, checks) => checkPositions(scan, rows, checks),
      (lane) => ({ ...lane, written: 3n }),
    )
  })

  it('B2: rows of a lane that the checkpoint does not know', () => {
    for (const key of KEYS) {
      const scan = scanOf('t')
      ;(scan.checkpoint.lanes as Map<LaneKey, LaneCheckpoint>).delete(key)
      const [check] = checksOf((checks) => checkPositions(scan, rows, checks))
      expect(check?.found).toEqual([expect.stringContaining(`${key}: 10 rows of a lane`)])
    }
  })

  it.each([1n, -1n])('A1: a position that no commit wrote: moved by %i', (by) => {
    expectEachLane(checkHistory, moved(by))
  })

  it('A1: a position beyond upstream', () => {
    expectEachLane((scan, checks) => checkChain(scan, [scanOf('up')], checks), moved(1n))
  })

  it('A12: a sequence that upstream has not reached', () => {
    expectEachLane(
      (scan, checks) => checkSequences(scan, [scanOf('up')], checks),
      (lane) => ({
        ...lane,
        sequence: SEQUENCE + 1,
      }),
    )
  })
})

describe('the outcome of a verification', () => {
  const claim = { promise: 'B1', subject: 't', claim: 'holds' }

  it('A12: one failed check makes it fail, wherever it stands among those that hold or were skipped', () => {
    const count = 5
    for (let failing = -1; failing < count; failing += 1) {
      const checks = checksOf((list) => {
        for (let i = 0; i < count; i += 1) {
          const findings = new Findings()
          if (i === failing) findings.add('wrong')
          if (i % 2 === 1 && i !== failing) list.skipped(claim, 'needs --from-log')
          else list.done(claim, {}, findings)
        }
      })
      expect(reportOf(checks, 3n)).toEqual({ checks, is_ok: failing < 0, rows: 3n })
    }
  })
})
