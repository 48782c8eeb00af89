import { isRetryable, seededRandom } from '@assay/core'
import { FaultyStore, MemoryStore } from '@assay/object-store'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Orphan } from '../src/cleanup/orphans.js'
import { currentSchema } from '../src/format/metadata.js'
import {
  collect,
  commit,
  type DataFile,
  dataFile,
  defaultMaintenance,
  FileSystemCatalog,
  keyOfPath,
  planFiles,
  removeOrphans,
  Table,
} from '../src/index.js'
import { keys, openWorld, VirtualClock } from './support.js'

/** Small limits, so that a few commits bring on everything. */
const maintenance = {
  ...defaultMaintenance,
  manifestsToMerge: 3,
  snapshotsToKeep: 4,
  snapshotsKept_ms: 60_000,
  snapshotsToExpire: 2,
}

type Step =
  | { readonly kind: 'append'; readonly files: number }
  | { readonly kind: 'compact'; readonly seed: number }
  | { readonly kind: 'wait'; readonly minutes: number }
  | { readonly kind: 'collect' }

/** One step of a random course. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('append' as const), files: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('compact' as const), seed: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), minutes: fc.integer({ min: 1, max: 20 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('collect' as const) }) },
)

/** Live file names, as the table should have them. */
type Model = Map<string, number>

class Run {
  readonly #clock: VirtualClock
  readonly #inner: MemoryStore
  readonly #store: FaultyStore
  readonly model: Model = new Map()
  orphans: readonly Orphan[] = []
  #table: Table | undefined
  #names = 0
  #steps = 0

  constructor(inner: MemoryStore, store: FaultyStore, clock: VirtualClock) {
    this.#inner = inner
    this.#store = store
    this.#clock = clock
  }

  /** After an outage a worker starts from the table again: with nothing in memory. */
  #reopen(): Table {
    const random = seededRandom(this.#store.calls + 1)
    const catalog = new FileSystemCatalog(this.#store, 'tables/test', { clock: this.#clock, random })
    this.#table = new Table(catalog, 'trades', { store: this.#store, clock: this.#clock, random, maintenance })
    return this.#table
  }

  async #insist(attempt: (table: Table) => Promise<void>): Promise<void> {
    for (let tries = 0; tries < 10; tries += 1) {
      try {
        await attempt(this.#table ?? this.#reopen())
        return
      } catch (error) {
        if (!isRetryable(error)) throw error
        this.#table = undefined
      }
    }
    throw new Error('one fault made ten attempts fail')
  }

  async #file(table: Table, rows: number): Promise<DataFile> {
    this.#names += 1
    const name = `data/${this.#names}.parquet`
    const version = await table.load()
    await this.#inner.put(`tables/test/trades/${name}`, Buffer.from('x'))
    return dataFile(currentSchema(version.metadata), {
      path: `${version.metadata.location}/${name}`,
      specId: 0,
      partition: [20_000],
      recordCount: rows,
      size_bytes: rows,
      columns: new Map(),
    })
  }

  /** Exactly once by a property that changes with the rows, as workers use their checkpoint. */
  async #commitOnce(
    stamp: string,
    removed: readonly string[],
    makeFiles: (table: Table) => Promise<readonly DataFile[]>,
  ): Promise<readonly DataFile[]> {
    let files: readonly DataFile[] = []
    await this.#insist(async (table) => {
      if (files.length === 0) files = await makeFiles(table)
      const outcome = await commit(table, {
        prepare: (base) =>
          base.properties.stamp === stamp
            ? { kind: 'refuse', reason: 'done' }
            : {
                kind: 'proceed',
                change: {
                  operation: removed.length > 0 ? 'replace' : 'append',
                  addFiles: files,
                  removeFiles: removed,
                  setProperties: { stamp },
                },
              },
      })
      expect(outcome.kind === 'refused' ? outcome.reason : outcome.kind).toMatch(/^(committed|done)$/)
    })
    return files
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const one of steps) {
      this.#steps += 1
      await this.#step(one, String(this.#steps))
    }
  }

  async #step(one: Step, stamp: string): Promise<void> {
    switch (one.kind) {
      case 'append': {
        const added = await this.#commitOnce(stamp, [], (table) =>
          Promise.all(Array.from({ length: one.files }, (_, i) => this.#file(table, i + 1))),
        )
        for (const { path, recordCount } of added) this.model.set(path, recordCount)
        return
      }
      case 'compact': {
        const removed = [...this.model].filter((_, i) => (one.seed >> (i % 30)) % 2 === 1)
        const rows = removed.reduce((sum, [, count]) => sum + count, 0)
        if (removed.length === 0) return
        const added = await this.#commitOnce(
          stamp,
          removed.map(([path]) => path),
          async (table) => [await this.#file(table, rows)],
        )
        for (const [path] of removed) this.model.delete(path)
        for (const { path } of added) this.model.set(path, rows)
        return
      }
      case 'wait':
        this.#clock.advance(one.minutes * 60_000)
        return
      case 'collect':
        await this.#insist(async (table) => {
          await collect(table)
        })
    }
  }

  /** The model's rows are there, by what the metadata says and by what is in the store, in every snapshot kept. */
  async check(): Promise<void> {
    const table = this.#reopen()
    const version = await table.load()
    const planned = await planFiles(table, version)
    expect(new Map(planned.map(({ file }) => [file.path, file.recordCount]))).toEqual(this.model)
    expect(planned).toHaveLength(this.model.size)
    const rows = [...this.model.values()].reduce((sum, count) => sum + count, 0)
    const summary = version.metadata.snapshots.at(-1)?.summary
    if (summary) {
      expect(summary).toMatchObject({
        'total-records': String(rows),
        'total-data-files': String(this.model.size),
        'total-files-size': String(rows),
      })
    }
    for (const { snapshotId } of version.metadata.snapshots) {
      for (const { file } of await planFiles(table, version, { snapshotId })) {
        expect(
          await this.#inner.size_bytes(keyOfPath(version, file.path)),
          `${file.path} of ${snapshotId}`,
        ).toBeDefined()
      }
    }
  }

  /** Data files in the store when all history has expired and been cleaned up. */
  async settle(): Promise<readonly string[]> {
    const turn: readonly Step[] = [
      { kind: 'wait', minutes: 20 },
      ...Array.from({ length: 6 }, () => ({ kind: 'append' as const, files: 0 })),
      { kind: 'collect' },
    ]
    await this.run([...turn, ...turn, ...turn])
    this.#clock.advance(2 * 86_400_000)
    // Files are as old as the newest commit says, not as a clock does that may have jumped.
    await this.run([{ kind: 'append', files: 0 }])
    this.orphans = await removeOrphans(this.#reopen(), { keep: new Set() })
    return keys(this.#inner, 'tables/test/trades/data/')
  }
}

/** A new table beside its model, over a store that fails as the plan says. */
export async function start(plan: ConstructorParameters<typeof FaultyStore>[1]): Promise<Run> {
  const clock = new VirtualClock()
  const inner = new MemoryStore({ clock })
  await openWorld({ store: inner, clock, maintenance })
  return new Run(inner, new FaultyStore(inner, plan), clock)
}

/** A course that brings on every kind of commit, expiry and clean-up. */
export const everything: readonly Step[] = [
  { kind: 'append', files: 2 },
  { kind: 'append', files: 1 },
  { kind: 'compact', seed: 3 },
  { kind: 'append', files: 1 },
  { kind: 'append', files: 1 },
  { kind: 'wait', minutes: 2 },
  { kind: 'append', files: 1 },
  { kind: 'append', files: 0 },
  { kind: 'append', files: 1 },
  { kind: 'compact', seed: 2 },
  { kind: 'wait', minutes: 20 },
  { kind: 'append', files: 1 },
  { kind: 'collect' },
  { kind: 'append', files: 1 },
  { kind: 'append', files: 1 },
]
