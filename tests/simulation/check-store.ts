import { verifyLake } from '@assay/audit'
import { goldLayer } from '@assay/medallion'
import { maintainTables } from '@assay/operations'
import { DEFAULT_LIMITS } from '@assay/pipeline'
import { checkTables } from '../support/invariants.js'
import type { MemoryLake } from '../support/memory-lake.js'
import { digestsOf, withTables } from '../support/tables.js'
import { drainAll, drainLayer } from './drain-all.js'
import { replayDeadLetters } from './jobs.js'
import { codeOf } from './sim-process.js'
import type { Simulation } from './simulation.js'
import { toldBy } from './store-faults.js'
import { isOfPipeline, textOf, undisturbed } from './undisturbed.js'

const DAY_MS = 86_400_000
const RIGHT = 'right'

/**
 * What must hold whatever the disks below the store did: the tables are what they would have been, or somebody stands
 * still and names what is damaged, or `verify` names it. And what was damaged where it lay is as it was when its bytes
 * are put back, after a day's clean-up: nobody threw away what damaged metadata no longer named.
 */
export async function checkStore(simulation: Simulation): Promise<void> {
  const { world, store, faults, violations } = simulation
  const { damaged } = store
  world.tell(`${damaged.length} damaged: ${await stateOf(simulation)}`)
  if (damaged.length === 0) return
  await cleanUpDamaged(simulation)
  await store.restore()
  const restored = await stateOf(simulation)
  world.tell(`restored: ${restored}`)
  if (!faults.isLasting && restored !== RIGHT) violations.push(`with every file put back, ${restored}`)
}

async function stateOf(simulation: Simulation): Promise<string> {
  const { faults, violations } = simulation
  const lake = simulation.lake()
  try {
    const stop = await drainAndReplay(simulation, lake).then(
      () => undefined,
      (error: unknown) => ({ error, isUndecodable: codeOf(error) === 'engine_statement_failed' }),
    )
    if (stop && !stop.isUndecodable && faults.explains(stop.error))
      return `somebody stands still: ${toldBy(stop.error)}`
    const wrong = stop ? toldBy(stop.error) : await wrongOf(simulation, lake)
    if (wrong === undefined) return RIGHT
    const told = await toldByVerify(lake)
    if (told === undefined) violations.push(`verify holds, and ${wrong}`)
    // Of rows that are wrong it names the table; where they came from may be whole again.
    else if (stop && !faults.names(told)) violations.push(`nobody names what was damaged: ${wrong}; ${told}`)
    return `${wrong}; verify tells: ${told}`
  } finally {
    await lake.close()
  }
}

async function drainAndReplay(simulation: Simulation, lake: MemoryLake): Promise<void> {
  await drainAll(simulation, lake)
  if (simulation.scenario.replays === 0) return
  await replayDeadLetters(lake, DEFAULT_LIMITS, new AbortController().signal)
  await drainLayer(lake, goldLayer)
}

/** How the tables are not what they would have been. */
async function wrongOf({ scenario }: Simulation, lake: MemoryLake): Promise<string | undefined> {
  try {
    const found = await withTables(lake, async (tables) => {
      await checkTables(lake, tables)
      return textOf(await digestsOf(lake, tables, isOfPipeline))
    })
    const expected = await undisturbed(scenario.workload)
    return found === expected ? undefined : `tables are ${found} and would have been ${expected}`
  } catch (error) {
    return `tables cannot be read, or break a promise: ${toldBy(error)}`
  }
}

/** What `verify` finds, or why it can't say. */
async function toldByVerify(lake: MemoryLake): Promise<string | undefined> {
  const options = { fromLog: true, signal: new AbortController().signal, onCheck: () => undefined }
  try {
    const { is_ok, checks } = await verifyLake(lake, options)
    if (is_ok) return undefined
    const failed = checks.filter(({ outcome }) => outcome === 'failed')
    return failed.map(({ subject, claim, found }) => `${subject}: ${claim}: ${found}`).join('; ')
  } catch (error) {
    return toldBy(error)
  }
}

/** A day later somebody expires snapshots, and deletes what nothing names. */
async function cleanUpDamaged(simulation: Simulation): Promise<void> {
  const { world } = simulation
  const lake = simulation.lake()
  // Ages are told by what a process saw of the table: it has to be there when the day begins.
  for (const definition of lake.definitions) {
    try {
      await (await lake.table(definition)).table.load()
    } catch (error) {
      world.tell(`clean-up can't open ${definition.name}: ${codeOf(error)}`)
    }
  }
  world.now_ms += DAY_MS + (world.now_ms - world.start_ms) + 60_000
  try {
    for (const task of ['orphans', 'expire'] as const)
      for (const { table, problem } of await maintainTables(lake, new Set([task]), false))
        if (problem) world.tell(`${task} of ${table}: ${problem.code}`)
  } catch (error) {
    world.tell(`clean-up ends: ${codeOf(error)}`)
  } finally {
    await lake.close()
  }
}
