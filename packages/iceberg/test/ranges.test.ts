import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { DataFile } from '../src/format/data-file.js'
import type { ManifestFile } from '../src/format/manifest-list.js'
import type { PartitionColumn } from '../src/format/partition.js'
import type { Schema } from '../src/format/schema.js'
import { encodeValue } from '../src/format/values.js'
import { fileMeets, manifestMeets, partitionMeets } from '../src/plan/ranges.js'

const ID = 2
const OTHER = 3
const SCHEMA: Schema = {
  schemaId: 0,
  fields: [
    { id: OTHER, name: 'other', required: false, type: 'string' },
    { id: ID, name: 'n', required: false, type: 'int' },
  ],
}

const few = fc.integer({ min: 0, max: 5 })
const bound = fc.option(few, { nil: undefined })
/** A range of the column, each end maybe open. */
const range = fc
  .tuple(bound, bound)
  .filter(([from, to]) => from === undefined || to === undefined || from <= to)
  .map(([from, to]) => ({ columnId: ID, ...(from !== undefined && { from }), ...(to !== undefined && { to }) }))

/** Whether a number that may lie from `lower` to `upper` may lie in the range. */
function mayMeet({ from, to }: { from?: number; to?: number }, lower: number | undefined, upper: number | undefined) {
  const least = Math.max(from ?? -100, lower ?? -100)
  return least <= Math.min(to ?? 100, upper ?? 100)
}

const bounds = (id: number, value: number | undefined): Map<number, Uint8Array> =>
  new Map(value === undefined ? [] : [[id, encodeValue('int', value)]])
const file = (members: Partial<DataFile>): DataFile => ({ partition: [], ...members }) as DataFile
const column = (sourceId: number, transform = 'identity'): PartitionColumn => ({
  fieldId: 1000 + sourceId,
  sourceId,
  name: `c${sourceId}`,
  transform,
  type: 'int',
})
const manifest = (partitions: ManifestFile['partitions']): ManifestFile => ({ partitions }) as ManifestFile
const summary = { containsNull: false, containsNan: false, lower: undefined, upper: undefined }

it('A4: a file is left out exactly when its bounds shut the range out', () => {
  fc.assert(
    fc.property(range, bound, bound, (wanted, lower, upper) => {
      const found = file({ lowerBounds: bounds(ID, lower), upperBounds: bounds(ID, upper) })
      fc.pre(lower === undefined || upper === undefined || lower <= upper)
      expect(fileMeets(SCHEMA, found, wanted)).toBe(mayMeet(wanted, lower, upper))
    }),
  )
})

it('A4: a file without bounds, or with those of other columns alone, may hold any row', () => {
  const wanted = { columnId: ID, from: 1, to: 2 }
  const others = { lowerBounds: bounds(OTHER, 5), upperBounds: bounds(OTHER, 5) }
  expect(fileMeets(SCHEMA, file({}), wanted)).toBe(true)
  expect(fileMeets(SCHEMA, file(others), wanted)).toBe(true)
  const unknown = { lowerBounds: bounds(77, 5), upperBounds: bounds(77, 5) }
  expect(fileMeets(SCHEMA, file(unknown), { columnId: 77, from: 1, to: 2 })).toBe(true)
})

it('A4: a partition’s value decides, and a null lies in no range', () => {
  fc.assert(
    fc.property(range, fc.option(few), (wanted, value) => {
      const expected = value !== null && mayMeet(wanted, value, value)
      expect(partitionMeets([column(OTHER), column(ID)], file({ partition: [9, value] }), wanted)).toBe(expected)
    }),
  )
  expect(partitionMeets([column(ID)], file({ partition: [] }), { columnId: ID, from: 1 })).toBe(false)
})

it('A4: partition fields of other columns, or of values that were changed, say nothing', () => {
  const wanted = { columnId: ID, from: 1, to: 2 }
  const shut = { ...summary, lower: 9, upper: 9 }
  for (const columns of [[column(OTHER)], [column(ID, 'bucket[4]')], []]) {
    expect(partitionMeets(columns, file({ partition: [9] }), wanted)).toBe(true)
    expect(manifestMeets(columns, manifest([shut]), wanted)).toBe(true)
  }
  expect(partitionMeets([column(ID, 'bucket[4]'), column(ID)], file({ partition: [1, 9] }), wanted)).toBe(false)
  expect(manifestMeets([column(ID, 'bucket[4]'), column(ID)], manifest([summary, shut]), wanted)).toBe(false)
})

it('A4: a manifest is left out exactly when its summary shuts the range out', () => {
  fc.assert(
    fc.property(range, few, few, fc.boolean(), (wanted, a, b, containsNull) => {
      const [lower, upper] = [Math.min(a, b), Math.max(a, b)]
      const found = manifest([summary, { ...summary, containsNull, lower, upper }])
      expect(manifestMeets([column(OTHER), column(ID)], found, wanted)).toBe(mayMeet(wanted, lower, upper))
    }),
  )
})

it('A4: a summary that is missing, has NaN or lacks a bound leaves the manifest in, one of nulls alone does not', () => {
  const wanted = { columnId: ID, from: 1, to: 2 }
  const meets = (partitions: ManifestFile['partitions']): boolean =>
    manifestMeets([column(ID)], manifest(partitions), wanted)
  expect(meets(undefined)).toBe(true)
  expect(meets([])).toBe(true)
  expect(meets([summary])).toBe(true)
  expect(meets([{ ...summary, containsNan: true, lower: 9, upper: 9 }])).toBe(true)
  expect(meets([{ ...summary, containsNull: true }])).toBe(false)
  expect(meets([{ ...summary, containsNull: true, lower: 1 }])).toBe(true)
  expect(meets([{ ...summary, containsNull: true, upper: 1 }])).toBe(true)
})
