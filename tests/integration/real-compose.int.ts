import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { statusReport } from '@assay/lake'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { registry as registryPart } from '../../scripts/real-parts-lib/registry.mjs'
import { installMc, s3 as s3Part } from '../../scripts/real-parts-lib/s3.mjs'
import type { Part } from '../../scripts/real-parts-lib/server.mjs'
import {
  type KafkaPart,
  needs,
  type RegistryPart,
  type S3Part,
  startKafka,
  startRegistry,
  startS3,
} from '../real-parts/real-parts.js'
import { query } from '../support/tables.js'
import { assay } from './support/assay.js'
import { eventually } from './support/eventually.js'
import { type Environment, judge, RealParts, untilCaughtUp } from './support/real-lake.js'
import { ServiceProcess } from './support/service-process.js'

interface Container {
  readonly image: string
  readonly profiles?: readonly string[]
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly environment?: Readonly<Record<string, string | number>>
  readonly deploy?: { readonly resources?: { readonly limits?: { readonly memory?: string } } }
}

const NO_CONTAINER: Container = { image: 'none' }
const root = fileURLToPath(new URL('../../', import.meta.url))
const file = path.join(root, 'docker-compose.yml')
const containers = (
  parse(readFileSync(file, 'utf8'), { merge: true, maxAliasCount: -1 }) as { services: Record<string, Container> }
).services
const ROLES = ['FEED', 'BRONZE', 'SILVER', 'GOLD', 'OPERATOR', 'READER'] as const
const PASSWORDS = {
  OBJECT_STORE_USER: 'user-of-a-test',
  OBJECT_STORE_PASSWORD: 'password-of-a-test',
  GRAFANA_PASSWORD: 'x',
  ...Object.fromEntries(ROLES.map((role) => [`OBJECT_STORE_${role}_PASSWORD`, `password-of-${role}`])),
}

/** The image's own environment. */
const imageEnvironment = Object.fromEntries(
  [...readFileSync(path.join(root, 'Dockerfile'), 'utf8').matchAll(/^ENV (.*)$/gm)].flatMap(([, line = '']) =>
    line.split(' ').map((setting) => setting.split('=') as [string, string]),
  ),
)

/** Containers that run one of our services. */
const serviceContainers = Object.entries(containers).filter(
  ([, { image, command }]) => image.startsWith('assay:') && command?.[0]?.startsWith('services/'),
)

function composeTool(): string | undefined {
  try {
    execFileSync('docker-compose', ['version'], { stdio: 'ignore' })
    return 'docker-compose'
  } catch {
    process.stderr.write('SKIPPED: docker-compose.yml is NOT validated here: docker-compose is missing\n')
    return undefined
  }
}

const tool = composeTool()

describe.skipIf(!tool)('docker-compose', () => {
  // The .env of this folder is not read.
  const folder = mkdtempSync(path.join(tmpdir(), 'assay-compose-'))
  const noSettings = path.join(folder, '.env')
  writeFileSync(noSettings, '')
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('takes the file once the passwords are set, and not before', () => {
    const config = (env: Environment) =>
      execFileSync(tool ?? '', ['-f', file, '--env-file', noSettings, 'config'], {
        env: { PATH: process.env.PATH, ...env },
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      })
    const { services } = parse(config(PASSWORDS)) as { services: Record<string, unknown> }
    expect(Object.keys(services).sort()).toEqual(Object.keys(containers).sort())
    expect(() => config({})).toThrow(/set OBJECT_STORE_USER in .env/)
  })
})

/**
 * MinIO as the container starts it: on a folder in which the bucket's folder is there already, and nothing else is
 * done.
 */
function storeOfCompose(): Part {
  const { prepare: _, ...part } = s3Part
  return {
    ...part,
    async launch(place) {
      mkdirSync(path.join(place.folder, 'data', 'assay'), { recursive: true })
      const launch = await s3Part.launch(place)
      const { OBJECT_STORE_USER, OBJECT_STORE_PASSWORD } = PASSWORDS
      return {
        ...launch,
        env: { ...launch.env, MINIO_ROOT_USER: OBJECT_STORE_USER, MINIO_ROOT_PASSWORD: OBJECT_STORE_PASSWORD },
      }
    },
  }
}

/** The registry with the container's settings: schemas in a topic, and nothing on its disk. */
function registryOfCompose(broker: string): Part {
  return {
    ...registryPart,
    async launch(place) {
      const launch = await registryPart.launch(place)
      const addresses = Object.entries(launch.env ?? {}).filter(([name]) => name.startsWith('QUARKUS_'))
      const given = Object.entries(containers['schema-registry']?.environment ?? {})
      const settings = given.map(([name, value]) => [name, String(value).replace('kafka:9092', broker)])
      return { ...launch, env: Object.fromEntries([...addresses, ...settings]) }
    },
  }
}

describe.skipIf(!(await needs('kafka', 's3', 'registry')))('what docker-compose.yml runs, as processes', () => {
  let kafka: KafkaPart
  let registry: RegistryPart
  let s3: S3Part
  let parts: RealParts

  beforeAll(async () => {
    kafka = await startKafka()
    s3 = await startS3({ part: storeOfCompose() })
    registry = await startRegistry({ part: registryOfCompose(kafka.broker) })
    const credentials = { accessKeyId: PASSWORDS.OBJECT_STORE_USER, secretAccessKey: PASSWORDS.OBJECT_STORE_PASSWORD }
    parts = new RealParts(kafka, { ...s3, credentials }, registry)
    if (s3.kind === 'minio') await makeUsers()
  })
  afterAll(() => parts?.stop())

  /** What the container object-store-users runs; a second run changes nothing. */
  const makeUsers = async (): Promise<void> => {
    const container = containers['object-store-users'] ?? NO_CONTAINER
    const [shell = '', script = ''] = container.entrypoint ?? []
    const local = path.join(root, 'deploy/object-store', path.basename(script))
    const given = { ...environmentOf(container), HOME: parts.workDirectory() }
    const env = { ...given, PATH: `${await installMc()}:${process.env.PATH}` }
    for (const _ of [1, 2]) execFileSync(shell, [local], { env, stdio: 'pipe' })
  }

  /** The container's environment, only with the addresses that its parts have here. */
  const environmentOf = ({ environment = {} }: Container): Environment => {
    const translated = Object.entries({ ...imageEnvironment, ...environment }).map(([name, value]) => [
      name,
      String(value)
        .replace(/\$\{(\w+):\?[^}]*\}/, (_, variable: keyof typeof PASSWORDS) => PASSWORDS[variable])
        .replace(/^kafka:9092$/, kafka.broker)
        .replace('http://schema-registry:8080', new URL(registry.url).origin)
        .replace('http://object-store:9000', s3.endpoint),
    ])
    const ofContainer = { ASSAY_HTTP_HOST: '127.0.0.1', ASSAY_HTTP_PORT: '0', ASSAY_WORK_DIR: parts.workDirectory() }
    return { ...Object.fromEntries(translated), ...ofContainer }
  }
  const start = ([name, container]: [string, Container]): ServiceProcess => {
    const command = [...(container.command ?? [])].map((word) =>
      word.startsWith('services/') ? path.join(root, word) : word,
    )
    return parts.keep(new ServiceProcess(name, environmentOf(container), { command }))
  }

  it('the registry keeps its ids in the log over a crash and a restart', async () => {
    const schema = '{"type":"record","name":"R","fields":[]}'
    const register = async (subject: string) => {
      const answer = await fetch(`${registry.url}/subjects/${subject}/versions`, {
        method: 'POST',
        headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
        body: JSON.stringify({ schema }),
      })
      return ((await answer.json()) as { id: number }).id
    }
    const id = await register('s-value')
    await registry.kill()
    await registry.restart()
    expect(await (await fetch(`${registry.url}/schemas/ids/${id}`)).json()).toMatchObject({ schema })
    expect(await register('s-value')).toBe(id)
  })

  it('every container of a simulated pipeline gets ready and handles trades within its memory', async () => {
    const chosen = serviceContainers.filter(([, { profiles }]) => !profiles?.includes('live'))
    const services = chosen.map(start)
    await Promise.all(services.map((service) => service.untilReadiness(200)))
    const lake = await parts.open(parts.environment('lake'))
    const goldOf = (exchange: string) =>
      `(SELECT count(*)::INT FROM gold_crypto_trades WHERE exchange ILIKE '${exchange}')`
    await eventually(
      'trades of both exchanges are in gold',
      async () => {
        const [row] = await query(lake, `SELECT ${goldOf('binance')} AS binance, ${goldOf('kraken')} AS kraken`)
        return Number(row?.binance) > 1_000 && Number(row?.kraken) > 100
      },
      120_000,
      () => services.map((service) => service.tell()).join('\n'),
    )
    const checkMemory = () => {
      for (const [i, service] of services.entries()) {
        if (service.ending === undefined)
          expect(service.peakMemory_bytes, service.tell()).toBeLessThan(memoryLimit_bytes(chosen[i]?.[1]))
      }
    }
    checkMemory()
    const feeds = services.filter((_, i) => chosen[i]?.[1].profiles?.includes('simulated'))
    expect(feeds).toHaveLength(2)
    await Promise.all(feeds.map((service) => service.stop()))
    await untilCaughtUp(lake, () => services)
    checkMemory()
    const workers = services.filter((service) => !feeds.includes(service))
    await Promise.all(workers.map((service) => service.stop()))
    await judge(lake)
    expect((await statusReport(lake)).stops).toEqual([])
  })

  it('the feeds of the live profile get ready', async () => {
    const live = serviceContainers.filter(([, { profiles }]) => profiles?.includes('live'))
    expect(live).toHaveLength(2)
    const services = live.map(start)
    await Promise.all(services.map((service) => service.untilReadiness(200)))
    await Promise.all(services.map((service) => service.stop()))
  })

  it.each(['cli', 'operate', 'replay'])('the job %s runs', async (name) => {
    const container = containers[name] ?? NO_CONTAINER
    const [, , ...words] = container.entrypoint ?? []
    const env = environmentOf(container)
    const help = await assay([...words, '--help'], env)
    expect([help.code, help.stdout]).toEqual([0, expect.stringContaining('Usage: assay')])
    if (name === 'replay') return
    const tables = await assay(['tables'], env)
    expect([tables.code, tables.stdout]).toEqual([0, expect.stringContaining('gold_crypto_trades')])
    const maintained = await assay(['maintain', '--expire', '--compact'], env)
    const isAllowed = name === 'operate' || s3.kind !== 'minio'
    // How far it is stands on standard error, too, where it takes long.
    expect([maintained.code, maintained.stderr]).toEqual(
      isAllowed ? [0, expect.not.stringContaining('error')] : [3, expect.stringContaining('store_denied')],
    )
  })
})

function memoryLimit_bytes(container: Container | undefined): number {
  const [, size, unit] = /^(\d+)([mg])$/.exec(container?.deploy?.resources?.limits?.memory ?? '') ?? []
  return Number(size) * (unit === 'g' ? 2 ** 30 : 2 ** 20)
}
