// Runs seeds of the simulation: node tests/simulation/run.mjs [--seeds N] [--from N] [--trace] [--all] [--plant NAME] [--profile NAME]
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createServer } from 'vite'

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '86400' },
    plant: { type: 'string' },
    profile: { type: 'string' },
    trace: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
  },
})
const conditions = ['assay-source']

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

const plants = await load([], '/tests/simulation/plants.ts')
await plants.server.close()
const { PLANTS, plantPlugin } = plants.module
const plant = PLANTS.find(({ name }) => name === values.plant)
if (values.plant && !plant) throw new Error(`there is no mistake ${values.plant} to plant`)
const { server, module } = await load(plant ? [plantPlugin(plant, root)] : [], '/tests/simulation/command.ts')
const failed = await module.runSeeds({
  from: Number(values.from),
  seeds: Number(values.seeds),
  seconds: Number(values.seconds),
  traces: values.trace,
  goesOn: values.all,
  plant: values.plant,
  profile: values.profile,
})
await server.close()
process.exitCode = failed > 0 ? 1 : 0
