import { join } from 'node:path'
import { runChild } from '../lib/child.mjs'
import { LAYERS, loadLog } from '../lib/drained.mjs'
import { withFolder } from '../lib/lakes.mjs'
import { round } from '../lib/measure.mjs'

const ROWS = 30
const WARM_UP = 100
const PARTITIONS = 1

/** What small commits cost: of each layer alone, and a round of all three in one process, a second apart. */
export function measureRounds({ rounds, threads }, say) {
  return withFolder(async (folder) => {
    say(`rounds: ${rounds} commits of ${ROWS} rows to each layer alone`)
    const directory = join(folder, 'lake')
    const count = (rounds + WARM_UP) * ROWS
    await loadLog(directory, { count, partitions: PARTITIONS, alone: true })
    const layers = {}
    for (const layer of LAYERS) {
      const options = { directory, layer, rows: ROWS, warmUpCommits: WARM_UP, threads }
      layers[layer] = figures(await runChild('small-commits', options))
    }
    say(`rounds: ${rounds} of ${ROWS} rows through all layers`)
    const options = { rows: ROWS, rounds, warmUpRounds: WARM_UP, partitions: PARTITIONS, threads }
    const all = await runChild('round', { directory: join(folder, 'rounds'), ...options })
    return {
      rows: ROWS,
      ...layers,
      allLayers: { ...figures({ ...all, commits: rounds }), commits: all.commits },
    }
  })
}

function figures({ cpuUser_us, cpuSystem_us, wall_ms, commits, others_cores }) {
  return {
    cpu_ms: round((cpuUser_us + cpuSystem_us) / 1000 / commits),
    wall_ms: round(wall_ms / commits),
    others_cores: round(others_cores),
  }
}
