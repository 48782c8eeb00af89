import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRetryable, systemClock, systemRandom } from '@assay/core'
import { embeddedParts, keepAtIt, type Lake, type LakeParts, openLake, runWorkers } from '@assay/lake'
import { AnsweringProxy } from '../../real-parts/answering-proxy.js'
import {
  type CatalogPart,
  type RegistryPart,
  type S3Part,
  startCatalog,
  startRegistry,
  startS3,
} from '../../real-parts/real-parts.js'
import { catalogKind, registryKind, type ServerName, s3Kind } from './wrong-answers.js'

const INTERVAL_MS = 200
const RETRY_MS = 200

/** A lake on three servers, reached by themselves or through proxies, and the workers that reach them through those. */
export class AnsweredLake {
  readonly proxies: Readonly<Record<ServerName, AnsweringProxy>>
  readonly catalog: CatalogPart
  /** What the workers, and others who went through a proxy, waited for. */
  readonly outages: unknown[] = []
  readonly folder = mkdtempSync(path.join(tmpdir(), 'assay-answered-'))
  readonly #s3: S3Part
  readonly registry: RegistryPart
  #stop = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #ended: unknown
  #isOpen = false
  #made = 0

  private constructor(
    s3: S3Part,
    registry: RegistryPart,
    catalog: CatalogPart,
    proxies: Readonly<Record<ServerName, AnsweringProxy>>,
  ) {
    this.#s3 = s3
    this.registry = registry
    this.catalog = catalog
    this.proxies = proxies
  }

  static async start(): Promise<AnsweredLake> {
    const [s3, registry] = await Promise.all([startS3(), startRegistry()])
    const catalog = await startCatalog({ s3 })
    // The store's client takes them from the process, as every AWS client does.
    process.env.AWS_ACCESS_KEY_ID = s3.credentials.accessKeyId
    process.env.AWS_SECRET_ACCESS_KEY = s3.credentials.secretAccessKey
    return new AnsweredLake(s3, registry, catalog, {
      s3: await AnsweringProxy.start(s3.endpoint, s3Kind),
      registry: await AnsweringProxy.start(registry.url, registryKind),
      catalog: await AnsweringProxy.start(catalog.url, catalogKind),
    })
  }

  /** The lake as one who has nothing of it in memory or on disk sees it. */
  open(way: 'itself' | 'proxies'): Promise<Lake> {
    this.#made += 1
    const to = way === 'proxies' ? this.proxies : undefined
    const { bucket, endpoint, region } = this.#s3
    const where = { bucket, region, prefix: this.catalog.warehouse, endpoint: to?.s3.url ?? endpoint }
    const parts: LakeParts = {
      ...embeddedParts(this.folder),
      workDirectory: path.join(this.folder, `work-${this.#made}`),
      store: { ...where, kind: 's3', pathStyle: true, sse: undefined, cache_bytes: 2 ** 30 },
      registry: { kind: 'confluent', url: to?.registry.url ?? this.registry.url, auth: undefined },
      catalog: {
        ...{ kind: 'rest', url: to?.catalog.url ?? this.catalog.url, warehouse: this.catalog.warehouse },
        ...{ token: undefined, credential: undefined },
      },
    }
    return openLake({ parts, clock: systemClock, random: systemRandom, threads: 1 })
  }

  /** What made the workers end, if anything did. */
  get ended(): unknown {
    return this.#ended
  }

  /** True once workers have opened the lake. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Workers of every layer, as a service runs them, until `stopWorkers`. */
  startWorkers(): void {
    const stop = new AbortController()
    this.#stop = stop
    const onOutage = (error: unknown): void => void this.outages.push(error)
    this.#running = keepAtIt(
      () => this.#work(stop.signal),
      { clock: systemClock, random: systemRandom, onOutage },
      stop.signal,
    ).catch((error: unknown) => {
      this.#ended = error
    })
  }

  async #work(signal: AbortSignal): Promise<void> {
    const lake = await this.open('proxies')
    this.#isOpen = true
    try {
      const options = { drain: false, adopt: false, interval_ms: INTERVAL_MS }
      await runWorkers(
        lake,
        { ...options, onEvent: (event) => void (event.kind === 'outage' && this.outages.push(event.error)) },
        signal,
      )
    } finally {
      await lake.close()
    }
  }

  async stopWorkers(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  /** Does something through a proxy until it gets through, as a feed or a command that is started again. */
  async persistently<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (!isRetryable(error)) throw error
        this.outages.push(error)
        await sleep(RETRY_MS)
      }
    }
  }

  async stop(): Promise<void> {
    await this.stopWorkers()
    await Promise.all(Object.values(this.proxies).map((proxy) => proxy.stop()))
    await this.catalog.stop()
    await Promise.all([this.registry.stop(), this.#s3.stop()])
    rmSync(this.folder, { recursive: true, force: true })
  }
}
