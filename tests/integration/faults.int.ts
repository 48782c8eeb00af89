import { describe, it } from 'vitest'
import { failInTurn } from '../support/fault-sites.js'

describe('every kind of call of the store fails in turn, over two commits of the layer', () => {
  it.each(['silver', 'gold'] as const)(
    'A1 A8: %s ends as if nothing had happened, whether the call was done or not',
    (layer) => failInTurn(layer, 3),
  )
})
