import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { PLANTS } from '../simulation/plants.js'

const RUN = fileURLToPath(new URL('../simulation/run.mjs', import.meta.url))
const SEEDS_MAX = '300'

describe('mistakes put into the source on purpose', () => {
  it.each(PLANTS)('$name is found, in a seed that passes without it', async ({ name, profile, seed }) => {
    const { code, told } = await simulate('--plant', name, '--profile', profile, '--seeds', SEEDS_MAX)
    expect({ name, code }).toEqual({ name, code: 1 })
    expect(told).toContain(` passes without ${name}\n`)
    if (!told.includes(`seed ${seed} passes`))
      console.warn(`${name} is not found by seed ${seed} any more: note another`)
  })
})

async function simulate(...args: readonly string[]): Promise<{ readonly code: unknown; readonly told: string }> {
  const child = spawn(process.execPath, [RUN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [told, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  console.info(told.split('\n').slice(-2).join(' '))
  return { code, told }
}
