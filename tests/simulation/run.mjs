import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createServer } from 'vite'

const USAGE = `Runs seeds of the simulation, and stops at the first that fails.
  node tests/simulation/run.mjs [--seeds N] [--from N] [--jobs N] [--profile NAME] [--plant NAME] [--trace] [--all]

  --seeds    how many (100)        --from     the first (1)         --jobs     processes that share them (1)
  --profile  what goes wrong, instead of what each seed draws       --plant    with this mistake in the source
  --trace    tell every call, and of a failing seed the same with as few disturbances as still fail
  --all      go on after a seed that failed
`
const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const conditions = ['assay-source']

function readOptions() {
  const text = { type: 'string' }
  const flag = { type: 'boolean', default: false }
  try {
    const options = {
      seeds: { ...text, default: '100' },
      from: { ...text, default: '1' },
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

async function load(plugins, path) {
  const server = await createServer({
    root,
    configFile: false,
    logLevel: 'error',
    appType: 'custom',
    server: { middlewareMode: true, watch: null, hmr: false, ws: false },
    optimizeDeps: { noDiscovery: true },
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    plugins,
  })
  return { server, module: await server.ssrLoadModule(path) }
}

async function runHere(values) {
  const plants = await load([], '/tests/simulation/plants.ts')
  await plants.server.close()
  const { PLANTS, plantPlugin } = plants.module
  const plant = PLANTS.find(({ name }) => name === values.plant)
  if (values.plant && !plant) throw new Error(`there is no mistake ${values.plant} to plant`)
  const { server, module } = await load(plant ? [plantPlugin(plant, root)] : [], '/tests/simulation/command.ts')
  const failed = await module.runSeeds({
    from: Number(values.from),
    seeds: Number(values.seeds),
    step: Number(values.step),
    traces: values.trace,
    goesOn: values.all,
    plant: values.plant,
    profile: values.profile,
  })
  await server.close()
  return failed > 0 ? 1 : 0
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
    const own = ['--from', String(Number(values.from) + n), '--seeds', String(seeds), '--step', String(jobs)]
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
