import type { Lane } from '@assay/core'
import { type Connection, metadataV12, ResponseError } from '@platformatic/kafka'
import { logClosed } from '../log-errors.js'
import { isTopicName } from '../topic-name.js'
import { type BrokerConnection, Connections, type Purpose } from './protocol/connections.js'
import { BrokerError, checkAnswer, isPassing, kafkaError } from './protocol/kafka-errors.js'
import type { Broker, KafkaSettings } from './protocol/kafka-options.js'

type MetadataResponse = ReturnType<typeof metadataV12.parseResponse>

const PAUSE_MS_FIRST = 20
const PAUSE_MS_MAX = 1_000

/** A topic as the cluster last described it. */
export interface Topic {
  readonly name: string
  /** The cluster's id of the topic, which another topic of the same name never has. */
  readonly id: string
  readonly clusterId: string
  /** Broker that leads each partition, and since which epoch; -1 where none does. */
  readonly leaders: readonly { readonly node: number; readonly epoch: number }[]
}

/** The brokers: who they are, who leads what, and how to go on when one fails. */
export class Cluster {
  readonly settings: KafkaSettings
  readonly #connections: Connections
  readonly #closing = new AbortController()
  readonly #topics = new Map<string, Topic>()
  #nodes = new Map<number, Broker>()
  #turn = 0

  constructor(settings: KafkaSettings) {
    this.settings = settings
    this.#connections = new Connections(settings)
  }

  /** Aborted when no new work is to begin. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  /** Ends what waits; connections stay until `close`. */
  stop(): void {
    this.#closing.abort()
  }

  async close(purpose?: Purpose): Promise<void> {
    await this.#connections.close(purpose)
  }

  /**
   * Runs a step until it succeeds, with growing pauses in between, for as long as the limits allow; then, or at once
   * for what no other try can change, throws an `AssayError`. Later tries are told so, to look things up anew.
   */
  async retry<T>(doing: string, step: (isLater: boolean) => Promise<T>, signal = this.closing): Promise<T> {
    const { clock, random, limits } = this.settings
    const deadline_ms = clock.monotonic_ms() + limits.retry_ms_max
    for (let pause_ms = PAUSE_MS_FIRST; ; pause_ms = Math.min(2 * pause_ms, PAUSE_MS_MAX)) {
      try {
        return await step(pause_ms > PAUSE_MS_FIRST)
      } catch (error) {
        if (!isPassing(error) || clock.monotonic_ms() + pause_ms > deadline_ms) throw kafkaError(error, doing)
      }
      await clock.sleep(pause_ms * (0.5 + random.unit() / 2), signal)
      if (signal.aborted) throw logClosed()
    }
  }

  /** The topic as known, or looked up when it isn't, or when it has to be the latest. Undefined when there is none. */
  async topic(name: string, isLatest = false): Promise<Topic | undefined> {
    if (!isTopicName(name)) return undefined
    const known = this.#topics.get(name)
    return known && !isLatest ? known : this.onAny((to) => this.describe(to.connection, name))
  }

  /** Asks over this connection what the topic is, and keeps that. */
  async describe(connection: Connection, name: string): Promise<Topic | undefined> {
    const found = readTopic(await this.#metadata(connection, [name]), name)
    if (found) this.#topics.set(name, found)
    else this.#topics.delete(name)
    return found
  }

  /** Calls the broker that leads a lane. */
  async onLeader<T>(
    topic: Topic,
    lane: Lane,
    purpose: Purpose,
    step: (to: BrokerConnection) => Promise<T>,
  ): Promise<T> {
    const node = topic.leaders[lane.partition]?.node
    if (node === undefined || node < 0) throw new BrokerError('LEADER_NOT_AVAILABLE')
    return this.onNode(node, purpose, step)
  }

  async onNode<T>(node: number, purpose: Purpose, step: (to: BrokerConnection) => Promise<T>): Promise<T> {
    if (!this.#nodes.has(node)) await this.onAny(({ connection }) => this.#metadata(connection, []))
    const broker = this.#nodes.get(node)
    if (!broker) throw new BrokerError('BROKER_NOT_AVAILABLE')
    return this.#connections.call(broker, purpose, step)
  }

  /** Calls whichever broker answers: those known, then those we were told to begin with. */
  async onAny<T>(step: (to: BrokerConnection) => Promise<T>): Promise<T> {
    const known = [...this.#nodes.values()]
    const brokers = [...known.slice(this.#turn % (known.length || 1)), ...known, ...this.settings.brokers]
    let failure: unknown
    for (const broker of new Map(brokers.map((one) => [`${one.host} ${one.port}`, one])).values()) {
      try {
        return await this.#connections.call(broker, 'control', step)
      } catch (error) {
        if (!isPassing(error)) throw error
        failure = error
        this.#turn += 1
      }
    }
    throw failure
  }

  async #metadata(connection: Connection, names: string[]): Promise<MetadataResponse> {
    const response = await metadataV12.api.async(connection, names, false, false).catch(metadataIn)
    this.#nodes = new Map(response.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]))
    return response
  }
}

/** The library throws on any error within the answer; most of it is still good. */
export function metadataIn(error: unknown): MetadataResponse {
  if (error instanceof ResponseError) return error.response as MetadataResponse
  throw error
}

function readTopic(response: MetadataResponse, name: string): Topic | undefined {
  const [found] = response.topics
  if (!found || found.errorCode === 3) return undefined
  checkAnswer(found.errorCode)
  const leaders = found.partitions
    .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
    .map(({ leaderId, leaderEpoch }) => ({ node: leaderId, epoch: leaderEpoch }))
  return { name, id: found.topicId, clusterId: response.clusterId ?? '', leaders }
}
