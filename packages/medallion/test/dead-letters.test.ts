import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEngine } from '@assay/engine'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closedDeadLettersSql, filterKeeps, filterSql } from '../src/silver/dead-letter-filter.js'

const engine = openEngine({
  memoryLimit_bytes: 64 * 2 ** 20,
  threads: 1,
  tempDirectory: mkdtempSync(join(tmpdir(), 'assay-letters-')),
})
let session: Awaited<ReturnType<Awaited<typeof engine>['session']>>
beforeAll(async () => {
  session = await (await engine).session()
})
afterAll(async () => (await engine).close())

const resolution = fc.constantFrom('replayed', 'purged', 'reopened', 'archived')

describe('the ledger of resolutions', () => {
  it('D1 D2: replayed is for good; else the last of purged and reopened counts, in whatever order it is read', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.tuple(fc.nat(100), resolution), { selector: ([at]) => at }), async (said) => {
        const rows = said.map(([at, what]) => `('t', 0, 7::BIGINT, '${what}', make_timestamptz(${at}))`)
        const source = `(SELECT * FROM (VALUES ${[...rows, "('x', 0, 0, 'archived', now())"].join(', ')})
          r(topic, "partition", kafka_offset, resolution, resolved_at))`
        const found = await session.rows(closedDeadLettersSql(source))
        const last = said
          .toSorted(([a], [b]) => a - b)
          .map(([, what]) => what)
          .filter((what) => what === 'purged' || what === 'reopened')
          .at(-1)
        const isClosed = said.some(([, what]) => what === 'replayed') || last === 'purged'
        expect(found).toEqual(isClosed ? [{ topic: 't', partition: 0, kafka_offset: 7n }] : [])
      }),
      { numRuns: 100 },
    )
  })

  it('D3: a filter takes by day, type and time of rejection, each bound included, and opens no other partition', async () => {
    const day = fc.constantFrom('2026-01-01', '2026-01-02', '2026-01-03')
    const type = fc.constantFrom('price_validation', 'side_validation', 'unknown_error')
    const filter = fc.record(
      {
        dates: fc.record({ first: day, last: day }),
        errorTypes: fc.array(type, { minLength: 1 }),
        rejectedSince_ms: fc.nat(3).map((ms) => 1_700_000_000_000 + ms),
      },
      { requiredKeys: [] },
    )
    // Often the very moment that the filter names.
    const rejected_us = fc.nat(8).map((n) => 1_700_000_000_000_000 + n * 500)
    await fc.assert(
      fc.asyncProperty(filter, day, type, rejected_us, async (wanted, dlq_date, error_type, at_us) => {
        const [row] =
          await session.rows(`SELECT ${filterSql(wanted)} AS taken FROM (SELECT DATE '${dlq_date}' AS dlq_date,
          '${error_type}' AS error_type, make_timestamptz(${at_us}) AS error_timestamp)`)
        const { dates, errorTypes, rejectedSince_ms = 0 } = wanted
        const isOfPartition =
          (!dates || (dates.first <= dlq_date && dlq_date <= dates.last)) && (errorTypes?.includes(error_type) ?? true)
        expect(row?.taken).toBe(isOfPartition && at_us >= rejectedSince_ms * 1_000)
        expect(filterKeeps(wanted, { dlq_date, error_type })).toBe(isOfPartition)
      }),
      { numRuns: 150 },
    )
  })
})
