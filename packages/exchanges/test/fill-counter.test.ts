import { expect, test } from 'vitest'
import { FillCounter } from '../src/kraken/fill-counter.js'

const trade = (n: number) => ({
  pair: 'XBT/USD',
  timestamp: `1534614057.${String(n).padStart(6, '0')}`,
  price: '5541.2',
  volume: '0.15',
  side: 's',
  order_type: 'l',
  misc: '',
})

test('A6: what is remembered of fills is bounded: those longest not seen are forgotten, whenever they came first', () => {
  const fills = new FillCounter(10)
  let others = 0
  const pass = (count: number): void => {
    for (let i = 0; i < count; i++) fills.next(trade(++others))
  }
  expect(fills.next(trade(0))).toBe(0)
  pass(6)
  expect(fills.next(trade(0))).toBe(1)
  pass(6)
  expect(fills.next(trade(0))).toBe(2)
  pass(9)
  expect(fills.next(trade(0))).toBe(3)
  pass(10)
  expect(fills.next(trade(0))).toBe(0)
})
