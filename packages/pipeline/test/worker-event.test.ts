import { OutageError } from '@assay/core'
import { expect, test } from 'vitest'
import { workerEventLine } from '../src/worker/worker-event.js'

const worker = 'silver-binance'

test('a line of an outage tells its code, and what to do', () => {
  const error = new OutageError('store_away', 'the folder is not there', { hint: 'mount it' })
  expect(workerEventLine({ kind: 'outage', worker, error, retry_ms: 99.6 })).toEqual({
    level: 'warn',
    fields: { worker, retry_ms: 100, code: 'store_away', hint: 'mount it' },
    message: 'outage, trying again: the folder is not there',
  })
})

test('a line of a lane that stopped names the lane, and the commands that go on', () => {
  const { level, fields, message } = workerEventLine({
    kind: 'lane_stopped',
    worker,
    lane: 'trades/0',
    reason: 'records_lost',
  })
  expect([level, fields]).toEqual(['error', { worker, lane: 'trades/0', reason: 'records_lost' }])
  expect(message).toMatch(/assay status.*assay gaps accept/)
})
