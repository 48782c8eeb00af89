// @ts-check
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { withLock } from './cache.mjs'
import { catalogUrl, WAREHOUSE } from './catalog.mjs'
import { PART_NAMES, PARTS } from './parts.mjs'
import { registryUrl } from './registry.mjs'
import { BUCKET, REGION, s3Url } from './s3.mjs'
import { commandLine, endProcess, freePorts, Server } from './server.mjs'
import { toxiproxyUrl } from './toxiproxy.mjs'

/**
 * What a folder knows of its servers; `state.json`. The process is there while a part runs.
 * @typedef {import('./parts.mjs').PartName} PartName
 * @typedef {{ installed: string, ports: Record<string, number>, process?: { pid: number, commandLine: string } }} Known
 * @typedef {{ credentials: import('./server.mjs').Credentials, parts: Partial<Record<PartName, Known>> }} State
 */

/**
 * Starts the parts that don't run yet, on the ports and data that they had before.
 * @param {string} folder
 * @param {readonly PartName[]} names
 */
export async function up(folder, names) {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await withLock(path.join(folder, 'lock'), async () => {
    const state = (await readState(folder)) ?? newState()
    for (const name of PART_NAMES) {
      const wanted = names.includes(name) || (name === 's3' && names.includes('catalog'))
      if (wanted && !runs(state, name)) await startPart(folder, state, name)
    }
  })
}

/**
 * Ends all that runs; data and ports stay for the next `up`.
 * @param {string} folder
 */
export async function down(folder) {
  if ((await readState(folder)) === undefined) return
  await withLock(path.join(folder, 'lock'), async () => {
    const state = (await readState(folder)) ?? newState()
    for (const name of [...PART_NAMES].reverse()) {
      const known = state.parts[name]
      if (known?.process === undefined) continue
      if (runs(state, name)) await endProcess(known.process.pid)
      delete known.process
      await writeState(folder, state)
    }
  })
}

/**
 * Which parts run, where, and which are known but down.
 * @param {string} folder
 * @returns {Promise<{ name: PartName, runs: boolean, pid?: number, address: string }[]>}
 */
export async function status(folder) {
  const state = await readState(folder)
  if (state === undefined) return []
  return PART_NAMES.flatMap((name) => {
    const known = state.parts[name]
    if (known === undefined) return []
    const { pid } = known.process ?? {}
    return [{ name, runs: runs(state, name), ...(pid !== undefined && { pid }), address: ADDRESSES[name](known) }]
  })
}

/** @type {Record<PartName, (known: Known) => string>} */
const ADDRESSES = {
  kafka: ({ ports }) => `127.0.0.1:${ports.broker}`,
  s3: s3Url,
  registry: registryUrl,
  catalog: catalogUrl,
  toxiproxy: toxiproxyUrl,
}

/**
 * The environment in which Assay uses the parts that run.
 * @param {string} folder
 * @returns {Promise<Record<string, string>>}
 */
export async function environment(folder) {
  const state = await readState(folder)
  if (state === undefined) return {}
  const running = (await status(folder)).filter((part) => part.runs)
  return Object.assign({}, ...running.map(({ name, address }) => variables(name, address, state.credentials)))
}

/**
 * @param {PartName} name
 * @param {string} address
 * @param {import('./server.mjs').Credentials} credentials
 * @returns {Record<string, string>}
 */
function variables(name, address, credentials) {
  switch (name) {
    case 'kafka':
      return { ASSAY_KAFKA_BROKERS: address }
    case 's3':
      return {
        ASSAY_LAKE: `s3://${BUCKET}/lake`,
        ASSAY_S3_ENDPOINT: address,
        ASSAY_S3_REGION: REGION,
        ASSAY_S3_PATH_STYLE: 'true',
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      }
    case 'registry':
      return { ASSAY_REGISTRY_URL: address }
    case 'catalog':
      return { ASSAY_CATALOG_URL: address, ASSAY_CATALOG_WAREHOUSE: WAREHOUSE }
    case 'toxiproxy':
      return { TOXIPROXY_URL: address }
  }
}

/**
 * @param {string} folder
 * @param {State} state
 * @param {PartName} name
 */
async function startPart(folder, state, name) {
  const part = PARTS[name]
  const installed = await part.install()
  const ports = state.parts[name]?.ports ?? (await freePorts(part.portNames))
  const partFolder = path.join(folder, name)
  await mkdir(partFolder, { recursive: true })
  const store = state.parts.s3
  const s3 = store && { s3: s3Url(store) }
  const place = { installed, folder: partFolder, ports, credentials: state.credentials, ...s3 }
  const server = new Server(part, place, { detached: true })
  await server.start()
  const pid = Number(server.pid)
  state.parts[name] = { installed, ports, process: { pid, commandLine: commandLine(pid) ?? '' } }
  await writeState(folder, state)
}

/**
 * @param {State} state
 * @param {PartName} name
 */
function runs(state, name) {
  const known = state.parts[name]?.process
  return known !== undefined && commandLine(known.pid) === known.commandLine
}

/** @returns {import('./server.mjs').Credentials} */
export function newCredentials() {
  return { accessKeyId: randomBytes(10).toString('hex'), secretAccessKey: randomBytes(20).toString('hex') }
}

/** @returns {State} */
function newState() {
  return { credentials: newCredentials(), parts: {} }
}

/** @param {string} folder */
const stateFile = (folder) => path.join(folder, 'state.json')

/**
 * @param {string} folder
 * @returns {Promise<State | undefined>}
 */
async function readState(folder) {
  try {
    return JSON.parse(await readFile(stateFile(folder), 'utf8'))
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined
    throw new Error(`${stateFile(folder)} can't be read (${error}); remove the folder to start afresh`)
  }
}

/**
 * @param {string} folder
 * @param {State} state
 */
async function writeState(folder, state) {
  const temporary = `${stateFile(folder)}.new`
  await writeFile(temporary, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 })
  await rename(temporary, stateFile(folder))
}
