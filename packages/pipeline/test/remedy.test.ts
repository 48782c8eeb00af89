import { AssayError, OutageError } from '@assay/core'
import { expect, test } from 'vitest'
import { remedyFor } from '../src/worker/remedy.js'

const error = (code: string, retryable = false) => new AssayError(code, code, { retryable })

test.each([
  ['a file of the plan is gone', error('object_missing'), 0, false, 'plan_again'],
  ['a snapshot of the plan is gone', error('snapshot_gone'), 9, false, 'plan_again'],
  ['a file is gone of the new plan, too', error('object_missing'), 0, true, 'give_up'],
  ['the store did not say that it is gone', error('object_missing', true), 0, true, 'wait_longer'],
  ['an operator has paused the commits', error('paused', true), 99, false, 'wait_paused'],
  ['an outage', new OutageError('store_away', 'x'), 99, false, 'wait_longer'],
  ['no memory, for the seventh time', error('engine_out_of_memory'), 6, false, 'wait_longer'],
  ['no memory, for the eighth time', error('engine_out_of_memory'), 7, false, 'give_up'],
  ['something that waiting does not mend', error('table_rolled_back'), 0, false, 'give_up'],
  ['a defect', new Error('object_missing'), 0, false, 'give_up'],
] as const)('A8: what is done when a turn failed: %s', (_what, failure, count, isReplanned, remedy) => {
  expect(remedyFor(failure, { count, isReplanned })).toBe(remedy)
})
