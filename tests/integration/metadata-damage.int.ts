import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MemoryLake } from '../support/memory-lake.js'
import { damage, goesOnOrStops, lagging, reopened, SHORT, setSequences, TABLES } from '../support/metadata-damage.js'

describe('numbers of metadata that cannot be', () => {
  it('T26 S1: whatever numbers are changed, every row arrives or something stops', async () => {
    const origins = [await lagging(), await lagging(SHORT)]
    const number = fc.oneof(fc.nat(60), fc.constantFrom(-1, 2 ** 31, 2 ** 53 - 1))
    const change = fc.record({
      table: fc.constantFrom(...TABLES),
      field: fc.constantFrom('last', 'snapshot', 'head', 'lanes', 'time', 'column', 'ref', 'current'),
      nth: fc.nat(100),
      value: number,
    })
    const outcomes = new Set<string>()
    await fc.assert(
      fc.asyncProperty(fc.nat(1), fc.array(change, { minLength: 1, maxLength: 3 }), async (which, changes) => {
        const maintenance = which === 1 ? SHORT : undefined
        const lake = await reopened(origins[which] as MemoryLake, maintenance)
        for (const { table, field, nth, value } of changes) {
          await damage(lake, table, (metadata) => {
            const { snapshots } = metadata
            const snapshot = snapshots[field === 'head' ? snapshots.length - 1 : nth % snapshots.length]
            if (!snapshot) return
            if (field === 'last') metadata['last-sequence-number'] = value
            else if (field === 'snapshot' || field === 'head') snapshot['sequence-number'] = value
            else if (field === 'lanes') setSequences(metadata, Math.max(0, value))
            else if (field === 'time') snapshot['timestamp-ms'] = value
            else if (field === 'column') metadata['last-column-id'] = value
            else if (field === 'ref') metadata.refs.main = { ...metadata.refs.main, 'snapshot-id': value }
            else metadata['current-snapshot-id'] = value
          })
        }
        outcomes.add(await goesOnOrStops(lake))
        await lake.close()
      }),
      { numRuns: Number(process.env.ASSAY_TEST_RUNS ?? 80) },
    )
    for (const origin of origins) await origin.close()
    expect(outcomes.size).toBeGreaterThan(1)
  }, 1_200_000)
})
