import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { PLANTS } from '../simulation/plants.js'

const RUN = fileURLToPath(new URL('../simulation/run.mjs', import.meta.url))
const SEEDS_MAX = 300

describe('mistakes put into the source on purpose', () => {
  it.each(PLANTS)('$name is found', async ({ name, profile, shows }) => {
    const args = [RUN, '--plant', name, '--profile', profile, '--seeds', String(SEEDS_MAX)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const [told, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
    console.info(told.split('\n').slice(-2).join(' '))
    expect({ name, code }).toEqual({ name, code: 1 })
    expect(told).toMatch(shows)
  })
})
