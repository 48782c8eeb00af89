import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diffMetadata, requirementsOf } from '../src/catalog/rest-updates.js'
import type { JsonObject } from '../src/format/json.js'
import { parseMetadata, type Snapshot, serializeMetadata, type TableMetadata } from '../src/format/metadata.js'
import { applyUpdate, type MetadataUpdate } from '../src/format/update.js'
import { applyRestUpdates } from './rest-server.js'
import { openWorld } from './support.js'

const KEYS = ['assay.checkpoint', 'assay.trash', 'owner', 'note']
const text = fc.string({ maxLength: 8 }).filter((one) => !/\p{Cc}/u.test(one))
const properties = fc.dictionary(fc.constantFrom(...KEYS), text, { noNullPrototype: true })

interface Step {
  readonly set: Readonly<Record<string, string>>
  readonly remove: readonly string[]
  /** Which of the snapshots that may go are forgotten. */
  readonly expire: readonly boolean[]
  readonly summary: string
  /** Ids of other writers fill 64 bits. */
  readonly id: bigint
  readonly statistics: boolean
  readonly tag: boolean
}

const step: fc.Arbitrary<Step> = fc.record({
  set: properties,
  remove: fc.subarray(KEYS),
  expire: fc.array(fc.boolean(), { maxLength: 6 }),
  summary: text,
  id: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
  statistics: fc.boolean(),
  tag: fc.boolean(),
})

function snapshotOf(base: TableMetadata, { id, summary }: Step): Snapshot {
  const sequenceNumber = base.lastSequenceNumber + 1
  return {
    snapshotId: id,
    parentId: base.currentSnapshotId,
    sequenceNumber,
    timestamp_ms: base.lastUpdated_ms + 1,
    manifestList: `${base.location}/metadata/snap-${id}.avro`,
    summary: { operation: 'append', 'assay.note': summary },
    schemaId: base.currentSchemaId,
  }
}

/** A commit as ours are: one snapshot, properties, old snapshots forgotten. */
function updateOf(base: TableMetadata, one: Step): MetadataUpdate {
  const heads = new Set(Object.values(base.refs).map(({ snapshotId }) => snapshotId))
  const old = base.snapshots.filter(({ snapshotId }) => !heads.has(snapshotId))
  const expire = new Set(old.filter((_, i) => one.expire[i]).map(({ snapshotId }) => snapshotId))
  const removeProperties = one.remove.filter((key) => one.set[key] === undefined)
  return {
    snapshot: snapshotOf(base, one),
    setProperties: one.set,
    removeProperties,
    expire,
    setRefs: {},
    dropRefs: [],
  }
}

/** What others do to a table meanwhile without moving main. */
function disturbed(base: TableMetadata, one: Step): TableMetadata {
  const id = base.currentSnapshotId
  const statistics = { 'snapshot-id': id ?? 0n, 'statistics-path': 'x.puffin' } as JsonObject
  return {
    ...base,
    extra: one.statistics ? { ...base.extra, statistics: [statistics] } : base.extra,
    refs: one.tag && id !== undefined ? { ...base.refs, eod: { snapshotId: id, type: 'tag' } } : base.refs,
  }
}

const plainly = (metadata: TableMetadata): TableMetadata => parseMetadata(serializeMetadata(metadata))

describe('updates for a REST catalog', () => {
  it('A1: applied to the base they give what the commit wants, on any history', async () => {
    const { table } = await openWorld()
    const { metadata: first } = await table.load()
    fc.assert(
      fc.property(fc.uniqueArray(step, { minLength: 1, maxLength: 8, selector: ({ id }) => id }), (steps) => {
        let base = plainly(first)
        for (const one of steps) {
          base = disturbed(base, one)
          const next = applyUpdate(base, updateOf(base, one))
          const applied = applyRestUpdates(base, diffMetadata(base, next))
          const { metadataLog: _, ...expected } = plainly(next)
          expect(applied).toMatchObject(expected)
          expect(Object.keys(applied.properties).sort()).toEqual(Object.keys(next.properties).sort())
          expect(Object.keys(applied.refs).sort()).toEqual(Object.keys(next.refs).sort())
          base = applied
        }
      }),
      { numRuns: 30 },
    )
  })

  it('A4: applied to a table whose properties and refs others changed, they change nothing of that', async () => {
    const { table } = await openWorld()
    const { metadata: first } = await table.load()
    fc.assert(
      fc.property(step, step, properties, (before, one, others) => {
        const base = applyUpdate(plainly(first), updateOf(first, { ...before, id: 1n }))
        const next = applyUpdate(base, { ...updateOf(base, { ...one, id: 2n }), expire: new Set() })
        const foreign = Object.fromEntries(Object.entries(others).map(([key, value]) => [`foreign.${key}`, value]))
        const moved: TableMetadata = {
          ...base,
          properties: { ...base.properties, ...foreign },
          refs: { ...base.refs, audit: { snapshotId: 1n, type: 'branch' } },
        }
        const applied = applyRestUpdates(moved, diffMetadata(base, next))
        expect(applied.properties).toEqual({ ...next.properties, ...foreign })
        expect(applied.refs.audit).toBeDefined()
        expect(applied.currentSnapshotId).toBe(next.currentSnapshotId)
      }),
      { numRuns: 30 },
    )
  })

  it('throws at whatever they cannot express', async () => {
    const { table } = await openWorld()
    const { metadata: first } = await table.load()
    const base = applyUpdate(first, updateOf(first, { ...anyStep, id: 1n }))
    const [snapshot] = base.snapshots
    if (!snapshot) throw new Error('there is no snapshot')
    const wrong: Readonly<Record<string, TableMetadata>> = {
      'table-uuid': { ...base, tableUuid: 'another' },
      location: { ...base, location: 's3://elsewhere' },
      schemas: { ...base, schemas: [{ schemaId: 9, fields: [] }] },
      'current-schema-id': { ...base, schemas: [...base.schemas, { schemaId: 9, fields: [] }] },
      'last-column-id': { ...base, lastColumnId: 99 },
      'partition-specs': { ...base, partitionSpecs: [] },
      'default-spec-id': { ...base, defaultSpecId: 9 },
      'last-partition-id': { ...base, lastPartitionId: 2000 },
      'default-sort-order-id': { ...base, defaultSortOrderId: 1 },
      'unknown members': { ...base, extra: { 'next-row-id': 5 } },
      statistics: { ...base, extra: { statistics: [{ 'snapshot-id': 1 }] } },
      'snapshot 1': { ...base, snapshots: [{ ...snapshot, manifestList: 'x' }] },
      'the sequence': { ...base, snapshots: [snapshot, { ...snapshot, snapshotId: 2n }] },
      'last-sequence-number': { ...base, lastSequenceNumber: 7 },
      'current-snapshot-id': { ...base, currentSnapshotId: undefined },
    }
    for (const [what, next] of Object.entries(wrong)) {
      expect(() => diffMetadata(base, next), what).toThrow(
        expect.objectContaining({ code: 'update_not_expressible', message: expect.stringContaining(what) }),
      )
    }
    expect(diffMetadata(base, base)).toEqual([])
  })

  it('demand the table and its head, the schema of a snapshot, and the other refs where snapshots are forgotten', async () => {
    const { table } = await openWorld()
    const { metadata: first } = await table.load()
    const base = applyUpdate(first, updateOf(first, { ...anyStep, id: 1n }))
    const tagged = { ...base, refs: { ...base.refs, eod: { snapshotId: 1n, type: 'tag' as const } } }
    const head = { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': 1n }
    const uuid = { type: 'assert-table-uuid', uuid: base.tableUuid }
    expect(requirementsOf(tagged, [])).toEqual([uuid, head])
    expect(requirementsOf(tagged, [{ action: 'remove-snapshots' }])).toEqual([uuid, head, { ...head, ref: 'eod' }])
    expect(requirementsOf(first, [])).toEqual([uuid, { ...head, 'snapshot-id': null }])
    const schema = { type: 'assert-current-schema-id', 'current-schema-id': base.currentSchemaId }
    expect(requirementsOf(tagged, [{ action: 'add-snapshot' }])).toEqual([uuid, schema, head])
  })
})

const anyStep: Step = { set: {}, remove: [], expire: [], summary: '', id: 1n, statistics: false, tag: false }
