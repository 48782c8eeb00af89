import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { verifyLake } from '@assay/audit'
import { CANDLES_TABLE } from '@assay/candles'
import { systemClock, systemRandom } from '@assay/core'
import { exchanges } from '@assay/exchanges'
import { type Lake, openLake, readLakeParts, statusReport } from '@assay/lake'
import { type Admin, Kafka, logLevel } from 'kafkajs'
import { expect } from 'vitest'
import {
  type KafkaPart,
  type RegistryPart,
  type S3Part,
  startKafka,
  startRegistry,
  startS3,
} from '../../real-parts/real-parts.js'
import { drain } from '../../support/drain.js'
import { checkInvariants, type InvariantOptions } from '../../support/invariants.js'
import { eventually } from './eventually.js'
import { type ServiceName, ServiceProcess } from './service-process.js'

const CAUGHT_UP_MS = 180_000
const DELETED_MS = 30_000

export type Environment = Readonly<Record<string, string>>

/** The three servers that a lake stands on in production, and lakes on them. */
export class RealParts {
  readonly kafka: KafkaPart
  readonly s3: S3Part
  readonly registry: RegistryPart
  readonly folder = mkdtempSync(path.join(tmpdir(), 'assay-services-'))
  readonly #services = new Set<ServiceProcess>()
  readonly #lakes: Lake[] = []
  #made = 0

  constructor(kafka: KafkaPart, s3: S3Part, registry: RegistryPart) {
    this.kafka = kafka
    this.s3 = s3
    this.registry = registry
  }

  static async start(): Promise<RealParts> {
    return new RealParts(...(await Promise.all([startKafka(), startS3(), startRegistry()])))
  }

  /** Environment of a lake of this name. */
  environment(name: string): Environment {
    const { endpoint, region, bucket, credentials } = this.s3
    return {
      ASSAY_LAKE: `s3://${bucket}/${name}`,
      ASSAY_KAFKA_BROKERS: this.kafka.broker,
      ASSAY_REGISTRY_URL: this.registry.url,
      ASSAY_S3_ENDPOINT: endpoint,
      ASSAY_S3_REGION: region,
      ASSAY_S3_PATH_STYLE: 'true',
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    }
  }

  /** A folder of its own for what works on a lake. */
  workDirectory(): string {
    this.#made += 1
    return path.join(this.folder, `work-${this.#made}`)
  }

  /** The lake as this process sees it, to load it and to judge it. */
  async open(env: Environment): Promise<Lake> {
    // The store's client takes them from the process, as every AWS client does.
    process.env.AWS_ACCESS_KEY_ID = this.s3.credentials.accessKeyId
    process.env.AWS_SECRET_ACCESS_KEY = this.s3.credentials.secretAccessKey
    const parts = readLakeParts({ ...env, ASSAY_WORK_DIR: this.workDirectory() }, undefined)
    const lake = await openLake({ parts, clock: systemClock, random: systemRandom })
    this.#lakes.push(lake)
    return lake
  }

  /** Starts a service; `stop` ends it at the latest. */
  service(name: ServiceName, env: Environment): ServiceProcess {
    return this.keep(new ServiceProcess(name, { ASSAY_WORK_DIR: this.workDirectory(), ...env }))
  }

  keep(service: ServiceProcess): ServiceProcess {
    this.#services.add(service)
    return service
  }

  /** What retention does: the records of a lane below the offset are gone. */
  deleteRecords(topic: string, partition: number, offset: bigint): Promise<void> {
    return this.#admin(async (admin) => {
      // Without having asked for the topic, the client does not know its leaders.
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] })
    })
  }

  /** Deletes those of the topics that are there; none is when this resolves. */
  deleteTopics(topics: readonly string[]): Promise<void> {
    return this.#admin(async (admin) => {
      const listed = async () => (await admin.listTopics()).filter((topic) => topics.includes(topic))
      await admin.deleteTopics({ topics: await listed() })
      await eventually('the topics are deleted', async () => (await listed()).length === 0, DELETED_MS)
    })
  }

  async #admin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const client = new Kafka({ brokers: [this.kafka.broker], logLevel: logLevel.NOTHING }).admin()
    await client.connect()
    return work(client).finally(() => client.disconnect())
  }

  /** Ends what a test left, and deletes its topics: the next lake begins with an empty log. */
  async afterEach(): Promise<void> {
    await this.#endServices()
    await this.deleteTopics(exchanges.map(({ topic }) => topic))
  }

  async #endServices(): Promise<void> {
    await Promise.all([...this.#services].map((service) => service.end()))
    this.#services.clear()
    for (const lake of this.#lakes.splice(0)) await lake.close()
  }

  async stop(): Promise<void> {
    await this.#endServices()
    await Promise.all([this.registry.stop(), this.s3.stop(), this.kafka.stop()])
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Waits until every layer down to gold, whose rows candles gather for some seconds, has all that the log holds; lanes that are stopped don't count. */
export async function untilCaughtUp(
  lake: Lake,
  services: () => readonly ServiceProcess[],
  limit_ms = CAUGHT_UP_MS,
): Promise<void> {
  await eventually(
    'every layer has caught up',
    async () => {
      const { lanes, stops } = await statusReport(lake)
      const stopped = stops.map(({ lane }) => lane)
      const waiting = lanes.filter(({ layer, lane }) => layer !== 'candles' && !stopped.includes(lane))
      const behind = waiting.filter(({ lag_rows }) => lag_rows > 0n)
      if (lanes.length === 0) throw new Error('there is no lane')
      if (behind.length === 0) return true
      throw new Error(behind.map(({ layer, lane, lag_rows }) => `${layer} ${lane} lacks ${lag_rows}`).join(', '))
    },
    limit_ms,
    () =>
      services()
        .map((service) => service.tell())
        .join('\n'),
  )
}

/** Waits until there are candles, which services write while trades come. */
export async function untilCandles(lake: Lake, services: () => readonly ServiceProcess[]): Promise<void> {
  const table = await lake.table(CANDLES_TABLE)
  const hasRows = async () => (await table.plan((await table.pin()).version, {})).length > 0
  const tell = () => services().map((service) => service.tell())
  await eventually('there are candles', hasRows, CAUGHT_UP_MS, () => tell().join('\n'))
}

/**
 * The judge: `assay verify --from-log` finds nothing wrong, and neither do the tests' own invariants. The last windows
 * are closed first, which services that wait for more never do.
 */
export async function judge(lake: Lake, options: InvariantOptions = {}): Promise<void> {
  await drain(lake, { layers: ['candles'] })
  const { signal } = new AbortController()
  const { checks } = await verifyLake(lake, { fromLog: true, signal, onCheck: () => undefined })
  expect(checks.filter(({ outcome }) => outcome === 'failed')).toEqual([])
  expect(checks.length).toBeGreaterThan(10)
  await checkInvariants(lake, options)
}
