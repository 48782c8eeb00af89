import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { PLANTS, planted } from './simulation/plants.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

describe('mistakes that are put into the source on purpose', () => {
  it.each(PLANTS)('$name: the text that it replaces is in the source', (plant) => {
    expect(() => planted(plant, ROOT)).not.toThrow()
  })
})
