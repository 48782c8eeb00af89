import { laneKey, seededRandom } from '@assay/core'
import { FileSystemCatalog } from '@assay/iceberg'
import { MemoryStore } from '@assay/object-store'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../tests/support/virtual-clock.js'
import { CommitSignals, defineColumns, EMPTY_CHECKPOINT, LakeTable, type TableDefinition } from '../src/index.js'
import { moveLane } from './lane-table.js'

const POLL = { least_ms: 450, most_ms: 5_000 }
const TABLE: TableDefinition = {
  name: 'rows',
  columns: defineColumns([['offset', 'long']]),
  partitionBy: [],
  orderBy: ['offset'],
}
const LANE = laneKey({ topic: 't', partition: 0 })
const HOUR_MS = 3_600_000

/** A table in a bucket as two processes have it; `looks` are the times at which `own` asked the store for a newer version. */
async function open() {
  const store = new MemoryStore()
  const clock = new VirtualClock()
  const opened = async (seed: number): Promise<LakeTable> => {
    const random = seededRandom(seed)
    const catalog = new FileSystemCatalog(store, 'tables/test', { clock, random })
    return LakeTable.open(TABLE, { catalog, store, clock, random, signals: new CommitSignals(), poll: POLL })
  }
  const own = await opened(1)
  const other = await opened(2)
  const looks: number[] = []
  const load = own.table.load.bind(own.table)
  own.table.load = () => {
    looks.push(clock.monotonic_ms())
    return load()
  }
  return { own, other, clock, looks }
}

function gaps(times: readonly number[]): number[] {
  return times.slice(1).map((time, i) => time - (times[i] as number))
}

describe('waiting for a table above', () => {
  it('failure 20: a quiet table in a bucket is looked at less and less often, at last every five seconds', async () => {
    const { own, clock, looks } = await open()
    await own.waitForCommit(EMPTY_CHECKPOINT, HOUR_MS / 10, new AbortController().signal)
    const between = gaps(looks)
    expect(between[0]).toBe(POLL.least_ms)
    expect(Math.max(...between)).toBe(POLL.most_ms)
    between.slice(1, -1).forEach((gap, i) => {
      expect(gap).toBeGreaterThanOrEqual(between[i] as number)
    })
    const quietHour = looks.length
    await own.waitForCommit(EMPTY_CHECKPOINT, HOUR_MS, new AbortController().signal)
    expect(looks.length - quietHour).toBeLessThanOrEqual(HOUR_MS / POLL.most_ms + 1)
    expect(clock.monotonic_ms()).toBeGreaterThan(HOUR_MS)
  })

  it('A7: what another process commits is seen at the next look, and looked for often from then on', async () => {
    const { own, other, clock, looks } = await open()
    await own.waitForCommit(EMPTY_CHECKPOINT, HOUR_MS, new AbortController().signal)
    await moveLane(other, LANE, 1)
    const since_ms = clock.monotonic_ms()
    await own.waitForCommit(EMPTY_CHECKPOINT, HOUR_MS, new AbortController().signal)
    expect(clock.monotonic_ms() - since_ms).toBeLessThanOrEqual(POLL.most_ms)
    const { checkpoint } = await own.pin()
    looks.length = 0
    await own.waitForCommit(checkpoint, 3_000, new AbortController().signal)
    expect(Math.max(...gaps(looks))).toBeLessThanOrEqual(POLL.least_ms)
  })

  it('A7: a commit of this process ends the wait at once, also when it comes while the store is being asked', async () => {
    const { own, clock } = await open()
    const load = own.table.load.bind(own.table)
    let isFirst = true
    own.table.load = async () => {
      const version = await load()
      if (isFirst) {
        isFirst = false
        await moveLane(own, LANE, 1)
        own.table.load = load
      }
      return version
    }
    const since_ms = clock.monotonic_ms()
    await own.waitForCommit(EMPTY_CHECKPOINT, HOUR_MS, new AbortController().signal)
    expect(clock.monotonic_ms() - since_ms).toBe(0)
  })
})
