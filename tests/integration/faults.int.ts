import { describe, it } from 'vitest'
import { everySite, failInTurn, LAYERS } from '../support/fault-sites.js'

describe('every call of the store fails in turn, over two commits of each layer', () => {
  it.each(LAYERS)('A1 A8: %s ends as if nothing had happened, whether the call was done or not', async (layer) => {
    await failInTurn(layer, everySite, 3)
  })
})
