import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { idGapChanges } from '../src/keys/id-gaps.js'
import { KeySet } from '../src/keys/key-set.js'
import { StagedKeys } from '../src/keys/staged-keys.js'

const SYMBOL_KEY = 'KRAKEN/BTC/USD'

function gapsOf(ids: ReadonlySet<number>): string[] {
  const sorted = [...ids].sort((a, b) => a - b)
  return sorted.flatMap((id, i) =>
    i > 0 && id > (sorted[i - 1] ?? 0) + 1 ? [`${(sorted[i - 1] ?? 0) + 1}..${id}`] : [],
  )
}

describe('gaps in trade numbers', () => {
  it('what was opened and not closed is what is missing, whatever the batches', () => {
    const batch = fc.array(fc.integer({ min: -25, max: 40 }), { maxLength: 12 })
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 8 }), (batches) => {
        const keys = new KeySet(2 ** 20)
        const held = new Set<number>()
        const open = new Set<string>()
        const closedEver = new Set<string>()
        for (const ids of batches) {
          const staged = new StagedKeys(keys)
          for (const id of ids) {
            staged.symbol(SYMBOL_KEY).add(id)
            held.add(id)
          }
          for (const [symbolKey, added] of staged.symbols) {
            const { opened, closed } = idGapChanges(keys.symbol(symbolKey).intervals, added.runs())
            for (const { from, to } of closed) {
              expect(open.delete(`${from}..${to}`)).toBe(true)
              closedEver.add(`${from}..${to}`)
            }
            for (const { from, to } of opened) {
              expect(open.has(`${from}..${to}`) || closedEver.has(`${from}..${to}`)).toBe(false)
              open.add(`${from}..${to}`)
            }
          }
          keys.merge(staged)
          expect([...open].sort()).toEqual(gapsOf(held).sort())
        }
      }),
    )
  })
})
