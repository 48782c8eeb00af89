import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { catalogUrl, WAREHOUSE } from '../../scripts/real-parts-lib/catalog.mjs'
import { CannotBeHad } from '../../scripts/real-parts-lib/machine.mjs'
import { PARTS, type PartName } from '../../scripts/real-parts-lib/parts.mjs'
import { registryUrl } from '../../scripts/real-parts-lib/registry.mjs'
import { BUCKET, isMinio, REGION, s3Url } from '../../scripts/real-parts-lib/s3.mjs'
import { freePorts, type Part, type Place, Server } from '../../scripts/real-parts-lib/server.mjs'
import { newCredentials } from '../../scripts/real-parts-lib/surroundings.mjs'
import { toxiproxyUrl } from '../../scripts/real-parts-lib/toxiproxy.mjs'
import { ToxiproxyClient } from './toxiproxy-client.js'

/** A server of a test's own. It ends with the test's process at the latest. */
export interface RealPart {
  readonly logFile: string
  /** Ends it and deletes its data. */
  stop(): Promise<void>
  /** Ends it as a crash would; its data stays for `restart`. */
  kill(): Promise<void>
  /** Ends it if it runs, and starts it on the same port with the same data (moto forgets its own). */
  restart(): Promise<void>
  /** Freezes it: connections stay open and nothing answers. */
  pause(): void
  resume(): void
}

export interface KafkaPart extends RealPart {
  /** `host:port` */
  readonly broker: string
}

export interface S3Part extends RealPart {
  readonly kind: 'minio' | 'moto'
  readonly endpoint: string
  readonly region: string
  /** A bucket that is there. */
  readonly bucket: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

export interface RegistryPart extends RealPart {
  /** Base URL of the Confluent API. */
  readonly url: string
}

export interface CatalogPart extends RealPart {
  /** Base URL of the Iceberg REST API, without `/v1`. */
  readonly url: string
  readonly warehouse: string
}

export interface ToxiproxyPart extends RealPart {
  readonly client: ToxiproxyClient
}

/**
 * Installs parts that are not in the cache yet; false, with a loud line, when this machine lacks what one of them needs:
 * `describe.skipIf(!(await needs('kafka')))(…)`. A download that fails is an error.
 */
export async function needs(...names: readonly PartName[]): Promise<boolean> {
  for (const name of names) {
    try {
      await PARTS[name].install()
    } catch (error) {
      if (!(error instanceof CannotBeHad)) throw error
      process.stderr.write(`SKIPPED: tests with a real ${name} do NOT run here: ${error.message}\n`)
      return false
    }
  }
  return true
}

/** A Kafka broker; `properties` go beside or over those of the script. */
export async function startKafka(options: { properties?: Readonly<Record<string, string>> } = {}): Promise<KafkaPart> {
  const server = await start('kafka', options)
  return { ...controls(server), broker: `127.0.0.1:${server.place.ports.broker}` }
}

/** `part`: how it is started, if not as the script does. */
export async function startS3({ part }: { part?: Part } = {}): Promise<S3Part> {
  const server = await start('s3', {}, part)
  const { place } = server
  const kind = isMinio(place.installed) ? 'minio' : 'moto'
  const { credentials } = place
  return { ...controls(server), kind, endpoint: s3Url(place), region: REGION, bucket: BUCKET, credentials }
}

/** `part`: how it is started, if not as the script does. */
export async function startRegistry({ part }: { part?: Part } = {}): Promise<RegistryPart> {
  const server = await start('registry', {}, part)
  return { ...controls(server), url: registryUrl(server.place) }
}

/** An Iceberg REST catalog whose warehouse lies in the store's bucket. */
export async function startCatalog({ s3 }: { s3: S3Part }): Promise<CatalogPart> {
  const server = await start('catalog', { s3: s3.endpoint, credentials: s3.credentials })
  return { ...controls(server), url: catalogUrl(server.place), warehouse: WAREHOUSE }
}

export async function startToxiproxy(): Promise<ToxiproxyPart> {
  const server = await start('toxiproxy')
  return { ...controls(server), client: new ToxiproxyClient(toxiproxyUrl(server.place)) }
}

const START_ATTEMPTS = 2

/** Somebody else may take a port between our choice and the server's start: then other ports are tried. */
async function start(name: PartName, given: Partial<Place> = {}, part: Part = PARTS[name]): Promise<Server> {
  const installed = await part.install()
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(name, installed, given, part)
    } catch (error) {
      if (attempt === START_ATTEMPTS) throw error
      console.warn(error)
    }
  }
}

async function startOnce(name: PartName, installed: string, given: Partial<Place>, part: Part): Promise<Server> {
  const folder = mkdtempSync(path.join(tmpdir(), `assay-${name}-`))
  const ports = await freePorts(part.portNames)
  const server = new Server(
    part,
    { installed, folder, ports, credentials: newCredentials(), ...given },
    { detached: false },
  )
  try {
    await server.start()
  } catch (error) {
    deleteData(server)
    throw error
  }
  return server
}

function deleteData(server: Server): void {
  rmSync(server.place.folder, { recursive: true, force: true })
}

function controls(server: Server): RealPart {
  return {
    logFile: server.logFile,
    stop: async () => {
      await server.stop()
      deleteData(server)
    },
    kill: () => server.kill(),
    restart: () => server.restart(),
    pause: () => server.pause(),
    resume: () => server.resume(),
  }
}
