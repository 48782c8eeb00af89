import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IntervalSet } from '../src/keys/interval-set.js'
import { decodeKeySet, encodeKeySet } from '../src/keys/key-file.js'
import { KeySet } from '../src/keys/key-set.js'
import { StagedKeys, Standing } from '../src/keys/staged-keys.js'

const MAX = Number.MAX_SAFE_INTEGER
const CAP_BYTES = 2 ** 20

const runs = fc
  .array(fc.tuple(fc.integer({ min: -60, max: 60 }), fc.nat(6)), { maxLength: 8 })
  .map((found) => found.map(([start, length]) => [start, start + length] as const).sort(([a], [b]) => a - b))

describe('interval sets', () => {
  it('G3: hold exactly what was added, in disjoint runs that never touch', () => {
    fc.assert(
      fc.property(fc.array(runs, { maxLength: 8 }), (batches) => {
        const set = new IntervalSet()
        const model = new Set<number>()
        for (const batch of batches) {
          set.addRuns(
            Float64Array.from(batch, ([start]) => start),
            Float64Array.from(batch, ([, end]) => end),
          )
          for (const [start, end] of batch) for (let id = start; id <= end; id++) model.add(id)
        }
        for (let id = -70; id <= 70; id++) expect(set.has(id)).toBe(model.has(id))
        const { starts, ends } = set.bounds()
        for (let i = 1; i < starts.length; i++) expect(starts[i]).toBeGreaterThan((ends[i - 1] as number) + 1)
      }),
    )
  })

  it('G3: reach to the ends of what a double holds exactly', () => {
    const set = new IntervalSet()
    set.addRuns(Float64Array.of(-MAX, MAX - 1), Float64Array.of(-MAX, MAX))
    expect([-MAX, -MAX + 1, 0, MAX - 2, MAX - 1, MAX].map((id) => set.has(id))).toEqual([
      true,
      false,
      false,
      false,
      true,
      true,
    ])
  })
})

const id = fc.oneof(
  fc.bigInt({ min: -20n, max: 20n }),
  fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
)
const trade = fc.tuple(fc.constantFrom('BINANCE/BTCUSDT', 'KRAKEN/BTC/USD', 'é/∞'), id)

/** Ids that a double holds exactly, and the others, each by its own way. */
function add(staged: StagedKeys, symbolKey: string, number: bigint): Standing {
  const symbol = staged.symbol(symbolKey)
  return Number.isSafeInteger(Number(number)) ? symbol.add(Number(number)) : symbol.addLarge(number)
}

function has(keys: KeySet, symbolKey: string, number: bigint): boolean {
  const symbol = keys.symbols.get(symbolKey)
  const isHeld = Number.isSafeInteger(Number(number))
    ? symbol?.intervals.has(Number(number))
    : symbol?.large.has(number)
  return isHeld ?? false
}

function keySetOf(batches: readonly (readonly (readonly [string, bigint])[])[]): KeySet {
  const keys = new KeySet(CAP_BYTES)
  for (const batch of batches) {
    const staged = new StagedKeys(keys)
    for (const [symbolKey, number] of batch) add(staged, symbolKey, number)
    keys.merge(staged)
  }
  return keys
}

describe('key sets', () => {
  it('G1 G3: an id is new exactly once, and then known to be of the batch or of gold, also beyond what a double holds', () => {
    fc.assert(
      fc.property(fc.array(fc.array(trade, { maxLength: 12 }), { maxLength: 6 }), (batches) => {
        const keys = new KeySet(CAP_BYTES)
        const model = new Map<string, Standing>()
        for (const batch of batches) {
          const staged = new StagedKeys(keys)
          for (const [symbolKey, number] of batch) {
            const name = `${symbolKey} ${number}`
            expect(add(staged, symbolKey, number)).toBe(model.get(name) ?? Standing.new)
            if (!model.has(name)) model.set(name, Standing.keptInBatch)
          }
          keys.merge(staged)
          for (const name of model.keys()) model.set(name, Standing.keptInGold)
        }
      }),
    )
  })

  it('A1: what is staged is not in the set until its batch is committed', () => {
    const keys = new KeySet(CAP_BYTES)
    new StagedKeys(keys).symbol('b').add(1)
    expect(has(keys, 'b', 1n)).toBe(false)
  })

  it('G3: a set past its cap is refused', () => {
    const keys = new KeySet(100)
    const staged = new StagedKeys(keys)
    for (let n = 0; n < 50; n++) staged.symbol('b').add(n * 2)
    expect(() => keys.merge(staged)).toThrow(expect.objectContaining({ code: 'key_set_too_large' }))
  })

  it('G3: the cap counts every run and every large id, to the byte', () => {
    const sizeUnder = (cap_bytes: number): number => {
      const keys = new KeySet(cap_bytes)
      const staged = new StagedKeys(keys)
      for (let n = 0; n < 50; n++) staged.symbol('b').add(n * 2)
      for (const [name, id] of [
        ['b', 2n ** 60n],
        ['b', 2n ** 61n],
        ['c', 2n ** 61n],
      ] as const)
        staged.symbol(name).addLarge(id)
      keys.merge(staged)
      const runs_bytes = [...keys.symbols.values()].reduce((sum, { intervals }) => sum + intervals.size_bytes, 0)
      expect(keys.size_bytes).toBe(runs_bytes + 3 * 64)
      return keys.size_bytes
    }
    const size_bytes = sizeUnder(CAP_BYTES)
    expect(size_bytes).toBeGreaterThanOrEqual(50 * 16 + 3 * 64)
    expect(size_bytes).toBeLessThan(2 * 50 * 16 + 1024)
    expect(sizeUnder(size_bytes)).toBe(size_bytes)
    expect(() => sizeUnder(size_bytes - 1)).toThrow(expect.objectContaining({ code: 'key_set_too_large' }))
  })

  it('G3: what a batch adds is handed on as sorted runs that do not touch, by symbol', () => {
    const staged = new StagedKeys(new KeySet(CAP_BYTES))
    for (const id of [5, 10, 1, 3, 2, 9, 0, -1]) staged.symbol('b').add(id)
    staged.symbol('c').add(7)
    staged.symbol('d').addLarge(2n ** 60n)
    const runs = [...staged.symbols].map(([name, symbol]) => {
      const { starts, ends } = symbol.runs()
      return [name, [...starts], [...ends]]
    })
    expect(runs).toEqual([
      ['b', [-1, 5, 9], [3, 5, 10]],
      ['c', [7], [7]],
      ['d', [], []],
    ])
  })

  it('T19: a saved set comes back as it was', () => {
    fc.assert(
      fc.property(fc.array(fc.array(trade, { maxLength: 12 }), { maxLength: 6 }), (batches) => {
        const keys = keySetOf(batches)
        const found = decodeKeySet(encodeKeySet(keys, 'table', 7), 'table', 7, CAP_BYTES)
        for (const [symbolKey, number] of batches.flat()) {
          for (const near of [number - 1n, number, number + 1n])
            expect(found && has(found, symbolKey, near)).toBe(has(keys, symbolKey, near))
        }
      }),
    )
  })

  it('T19: a file begins with its name, and has its symbols in order whenever they came', () => {
    const bytes = Buffer.from(encodeKeySet(keySetOf([['c', 'b', 'e', 'd'].map((name) => [name, 1n] as const)]), 't', 7))
    expect(bytes.toString('latin1', 0, 8)).toBe('ASSAYKEY')
    const header = JSON.parse(bytes.toString('utf8', 12, 12 + bytes.readUInt32LE(8))) as { books: { name: string }[] }
    expect(header.books.map(({ name }) => name)).toEqual(['b', 'c', 'd', 'e'])
  })

  it('T19: a file of another format is no key set, though its digest is right', () => {
    const bytes = Buffer.from(encodeKeySet(keySetOf([[['b', 1n]]]), 'table', 7))
    const content = Buffer.from(bytes.subarray(0, -32).toString('latin1').replace('"format":2', '"format":1'), 'latin1')
    const digest = createHash('sha256').update(content).digest()
    expect(decodeKeySet(Buffer.concat([content, digest]), 'table', 7, CAP_BYTES)).toBeUndefined()
  })

  it('T19: a file of another table or snapshot, cut anywhere or with any bit changed is no key set', () => {
    // A copy of a buffer by `slice` would share its bytes: each change would come on top of those before.
    const bytes = Uint8Array.from(
      encodeKeySet(
        keySetOf([
          [
            ['b', 1n],
            ['b', 5n],
            ['c', 2n ** 60n],
          ],
        ]),
        'table',
        7,
      ),
    )
    expect(decodeKeySet(bytes, 'table', 7, CAP_BYTES)?.symbols.get('b')?.intervals.has(5)).toBe(true)
    expect(decodeKeySet(bytes, 'other', 7, CAP_BYTES)).toBeUndefined()
    expect(decodeKeySet(bytes, 'table', 6, CAP_BYTES)).toBeUndefined()
    expect(decodeKeySet(bytes, 'table', 8, CAP_BYTES)).toBeUndefined()
    for (let i = 0; i < bytes.length; i++) {
      expect(decodeKeySet(bytes.slice(0, i), 'table', 7, CAP_BYTES)).toBeUndefined()
      const changed = bytes.slice()
      changed[i] = (changed[i] as number) ^ (1 << (i % 8))
      expect(decodeKeySet(changed, 'table', 7, CAP_BYTES)).toBeUndefined()
    }
  })
})
