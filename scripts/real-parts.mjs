// @ts-check
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { CannotBeHad } from './real-parts-lib/machine.mjs'
import { PART_NAMES, PARTS } from './real-parts-lib/parts.mjs'
import { down, environment, status, up } from './real-parts-lib/surroundings.mjs'

/** @typedef {import('./real-parts-lib/parts.mjs').PartName} PartName */

const HELP = `Real servers on this machine, without Docker: Kafka, an S3 store, a schema registry, an Iceberg REST catalog and
toxiproxy. All listen on 127.0.0.1 only.

scripts/real-parts install [part…]          downloads or builds parts (default: all) into the cache
scripts/real-parts up [--dir DIR] [part…]   starts parts (default: kafka s3 registry), installing what is missing
scripts/real-parts env [--dir DIR]          prints the settings for Assay; use: eval "$(scripts/real-parts env)"
scripts/real-parts status [--dir DIR]       tells which parts run, and where
scripts/real-parts down [--dir DIR]         ends what runs; data and ports stay for the next up

Parts: ${PART_NAMES.join(', ')}.
DIR holds data, logs, ports and credentials; it is .real-parts in the project's root unless told otherwise.
REAL_PARTS_CACHE names the folder of installed parts (default ~/.cache/assay-real-parts).
Exit code: 0 done, 1 failed, 2 wrong usage, 3 this machine lacks what a part needs.
`
/** @type {readonly PartName[]} */
const DEFAULT_UP = ['kafka', 's3', 'registry']
const DEFAULT_FOLDER = fileURLToPath(new URL('../.real-parts/', import.meta.url))

/** @type {Record<string, (folder: string, names: readonly PartName[]) => Promise<void>>} */
const COMMANDS = {
  async install(_folder, names) {
    for (const name of names.length > 0 ? names : PART_NAMES) console.log(`${name}  ${await PARTS[name].install()}`)
  },
  async up(folder, names) {
    await up(folder, names.length > 0 ? names : DEFAULT_UP)
    await printStatus(folder)
  },
  down,
  status: printStatus,
  async env(folder) {
    const variables = Object.entries(await environment(folder))
    if (variables.length === 0) throw new Error(`nothing runs in ${folder}; start it with scripts/real-parts up`)
    for (const [name, value] of variables) console.log(`export ${name}=${value}`)
  },
}

/** @param {string} folder */
async function printStatus(folder) {
  const parts = await status(folder)
  if (parts.length === 0) console.log(`nothing was started in ${folder}`)
  for (const { name, runs, address, pid } of parts) {
    console.log(`${name.padEnd(10)} ${runs ? `runs at ${address} (process ${pid})` : 'is down'}`)
  }
}

/**
 * @param {string} mistake
 * @returns {never}
 */
function wrongUsage(mistake) {
  console.error(`${mistake}\n\n${HELP}`)
  process.exit(2)
}

function parse() {
  try {
    return parseArgs({ allowPositionals: true, options: { dir: { type: 'string' }, help: { type: 'boolean' } } })
  } catch (error) {
    return wrongUsage(error instanceof Error ? error.message : String(error))
  }
}

const { values, positionals } = parse()
const [name = '', ...names] = positionals
if (values.help) {
  console.log(HELP)
  process.exit(0)
}
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
if (command === undefined) wrongUsage(name === '' ? 'a command is missing' : `there is no command ${name}`)
const unknown = names.filter((part) => !Object.hasOwn(PARTS, part))
if (unknown.length > 0) wrongUsage(`there is no part ${unknown.join(', ')}`)

// So that what was half done is cleaned up on exit.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
// The SDK, used to make the bucket, would print the age of this Node.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true'

try {
  await command?.(path.resolve(values.dir ?? DEFAULT_FOLDER), /** @type {PartName[]} */ (names))
} catch (error) {
  console.error(error instanceof CannotBeHad ? `cannot be had on this machine: ${error.message}` : String(error))
  process.exit(error instanceof CannotBeHad ? 3 : 1)
}
