import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadBundled } from './bundle.mjs'

const USAGE = `Runs seeds of the simulation, and stops at the first that fails.
  node tests/simulation/run.mjs [--seeds N] [--from N] [--jobs N] [--profile NAME] [--plant NAME] [--trace] [--all]

  --seeds    how many (100)        --from     the first (1)         --jobs     processes that share them (1)
  --profile  what goes wrong, instead of what each seed draws
  --plant    with this mistake in the source: first the seed that found it last, unless --from says another
  --trace    tell every call, and of a failing seed the same with as few disturbances as still fail
  --all      go on after a seed that failed
`
const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const COMMAND = 'tests/simulation/command.ts'

function readOptions() {
  const text = { type: 'string' }
  const flag = { type: 'boolean', default: false }
  try {
    const options = {
      seeds: { ...text, default: '100' },
      from: text,
      jobs: { ...text, default: '1' },
      /** Of a job: the distance of its seeds. */
      step: { ...text, default: '1' },
      plant: text,
      profile: text,
      trace: flag,
      all: flag,
      help: flag,
    }
    return parseArgs({ options }).values
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${USAGE}`)
    process.exit(2)
  }
}

async function runHere(values) {
  const { plant, profile, trace: traces, all: goesOn } = values
  const chosen = { profile, plant, traces, goesOn, seeds: Number(values.seeds), step: Number(values.step) }
  if (plant) return runPlanted(plant, values.from, chosen)
  const { runSeeds } = await loadBundled(COMMAND)
  return (await runSeeds({ ...chosen, from: Number(values.from ?? 1) })).length > 0 ? 1 : 0
}

/** With a mistake in the source; says whether a seed that finds it passes without it. */
async function runPlanted(name, from, chosen) {
  const { PLANTS, planted } = await loadBundled('tests/simulation/plants.ts')
  const plant = PLANTS.find((one) => one.name === name)
  if (!plant) throw new Error(`there is no mistake ${name} to plant`)
  const { runSeeds } = await loadBundled(COMMAND, planted(plant, root))
  // The seed that found it before is likely to find it again.
  const known = from === undefined ? await runSeeds({ ...chosen, from: plant.seed, seeds: 1 }) : []
  const [seed] = known.length > 0 ? known : await runSeeds({ ...chosen, from: Number(from ?? 1) })
  if (seed === undefined) return 0
  const without = await loadBundled(COMMAND)
  const { length } = await without.runSeeds({ ...chosen, plant: undefined, from: seed, seeds: 1 })
  process.stdout.write(`seed ${seed} ${length > 0 ? 'fails' : 'passes'} without ${name}\n`)
  return 1
}

/** Each job takes every so-manieth seed; one that fails ends the others. */
async function runJobs(values, jobs) {
  const rest = Object.entries({ plant: values.plant, profile: values.profile })
  const shared = [
    ...rest.flatMap(([name, value]) => (value ? [`--${name}`, value] : [])),
    ...['trace', 'all'].filter((name) => values[name]).map((name) => `--${name}`),
  ]
  const children = Array.from({ length: jobs }, (_, n) => {
    const seeds = Math.ceil((Number(values.seeds) - n) / jobs)
    const own = ['--from', String(Number(values.from ?? 1) + n), '--seeds', String(seeds), '--step', String(jobs)]
    return spawn(process.execPath, [fileURLToPath(import.meta.url), ...own, ...shared], { stdio: 'inherit' })
  })
  const codes = await Promise.all(
    children.map(async (child) => {
      const [code] = await once(child, 'exit')
      if (code !== 0 && !values.all) for (const other of children) other.kill()
      return code
    }),
  )
  return codes.every((code) => code === 0) ? 0 : 1
}

const values = readOptions()
if (values.help) process.stdout.write(USAGE)
else process.exitCode = Number(values.jobs) > 1 ? await runJobs(values, Number(values.jobs)) : await runHere(values)
