import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '@assay/core'
import { expect, it } from 'vitest'
import { diskLake, temporaryFolder } from './support/disk-lake.js'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, kraken } from './support/memory-lake.js'
import { produceSimulated } from './support/records.js'
import { digests } from './support/tables.js'

const CHILD = fileURLToPath(new URL('./fixtures/drain.mjs', import.meta.url))
const KILLS = 12
const MAX_ROWS = 25
const PRODUCED = { count: 700, duplicates: 0.1, invalid: 0.1, late: 0.05 }

/** Runs a drain in a process of its own and kills it some moment after so many commits; true when it came to its end. */
async function drainUntilKilled(directory: string, commits: number, then_ms: number): Promise<boolean> {
  const child = spawn(process.execPath, [CHILD, directory, String(MAX_ROWS)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  let told = 0
  for await (const chunk of child.stdout) {
    told += (chunk as Buffer).length
    // The first dot says that it is about to begin.
    if (told <= commits) continue
    await delay(then_ms)
    break
  }
  child.kill('SIGKILL')
  const [code, signal] = (await exited) as [number | null, string | null]
  if (code !== null && code !== 0) throw new Error(`the drain ended with code ${code}`)
  return signal === null
}

it('A1 B2 S1 G1: killed again and again at any moment, the lake becomes what it would have been', async () => {
  const [killed, calm] = [temporaryFolder(), temporaryFolder()]
  const disturbed = await diskLake(killed)
  const undisturbed = await diskLake(calm)
  for (const lake of [disturbed, undisturbed]) {
    await produceSimulated(lake, binance, PRODUCED, 2)
    await produceSimulated(lake, kraken, { ...PRODUCED, count: 200, seed: 2 })
  }
  const seed = Math.floor(Math.random() * 2 ** 32)
  console.info(`kills by seed ${seed}`)
  const lot = seededRandom(seed)
  const calmly = drain(undisturbed, { limits: { maxRows: 150 } })
  for (let kills = 0; kills < KILLS; kills++) {
    const ended = await drainUntilKilled(killed, Math.floor(lot.unit() * 4), lot.unit() * 40)
    expect({ seed, kills, ended }).toEqual({ seed, kills, ended: false })
  }
  await calmly
  await drain(disturbed, { limits: { maxRows: 150 } })
  await checkInvariants(undisturbed)
  await checkInvariants(disturbed)
  expect({ seed, tables: await digests(disturbed) }).toEqual({ seed, tables: await digests(undisturbed) })
}, 120_000)
