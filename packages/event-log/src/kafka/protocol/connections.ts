import { isIP } from 'node:net'
import { AssayError } from '@assay/core'
import { apiVersionsV3, Connection, fetchV13, fetchV17, type SASLOptions } from '@platformatic/kafka'
import { BrokerError } from './kafka-errors.js'
import type { Broker, KafkaSettings } from './kafka-options.js'

/**
 * A broker answers the requests of a connection one after the other, so what may take its time (reading, a group's
 * rebalance) has a connection of its own.
 */
export type Purpose = 'control' | 'read' | 'write' | `group ${number}`

export interface BrokerConnection {
  readonly connection: Connection
  /** Newest version of Fetch that the broker and we speak. */
  readonly fetchVersion: number
}

const FETCH_API = 1
const INFLIGHT_MAX = 32

/** Connections to brokers, one for each address and purpose, made when they are needed. */
export class Connections {
  readonly #settings: KafkaSettings
  readonly #made = new Map<string, Promise<BrokerConnection>>()

  constructor(settings: KafkaSettings) {
    this.#settings = settings
  }

  /** Calls a broker. A connection that failed is not used again. */
  async call<T>(broker: Broker, purpose: Purpose, step: (to: BrokerConnection) => Promise<T>): Promise<T> {
    const key = `${purpose} ${broker.host} ${broker.port}`
    const made = this.#made.get(key) ?? this.#connect(key, broker, purpose)
    try {
      return await step(await made)
    } catch (error) {
      // The library can't take a late answer for what it is, so a connection that let us wait is given up.
      if (!isAnswer(error)) this.#forget(key, made)
      throw error
    }
  }

  async close(purpose?: Purpose): Promise<void> {
    const made = [...this.#made].filter(([key]) => !purpose || key.startsWith(`${purpose} `))
    for (const [key] of made) this.#made.delete(key)
    await Promise.allSettled(made.map(async ([, one]) => (await one).connection.close()))
  }

  #connect(key: string, broker: Broker, purpose: Purpose): Promise<BrokerConnection> {
    const { clientId, limits, tls, sasl } = this.#settings
    const connection = new Connection(clientId, {
      connectTimeout: limits.request_ms_max,
      // Joining a group takes until the last member has noticed.
      requestTimeout: limits.request_ms_max + (purpose.startsWith('group') ? limits.session_ms : 0),
      maxInflights: INFLIGHT_MAX,
      ...(tls && { tls, tlsServerName: tls.servername ?? (isIP(broker.host) === 0 && broker.host) }),
      ...(sasl && { sasl: sasl satisfies SASLOptions }),
    })
    // What was sent is told by its own error; without a listener the event would end the process.
    connection.on('error', () => undefined)
    const made = open(connection, broker)
    this.#made.set(key, made)
    made.catch(() => this.#forget(key, made))
    connection.on('close', () => this.#forget(key, made))
    return made
  }

  #forget(key: string, made: Promise<BrokerConnection>): void {
    if (this.#made.get(key) === made) this.#made.delete(key)
    made.then(({ connection }) => connection.close()).catch(() => undefined)
  }
}

async function open(connection: Connection, { host, port }: Broker): Promise<BrokerConnection> {
  try {
    await connection.connect(host, port)
    const { apiKeys } = await apiVersionsV3.api.async(connection, 'assay', '1')
    const newest = apiKeys.find(({ apiKey }) => apiKey === FETCH_API)?.maxVersion ?? 0
    if (newest < fetchV13.api.version) {
      throw new AssayError('kafka_too_old', `the broker ${host}:${port} can't be read by topic id`, {
        hint: 'Kafka 3.1 or later is needed',
      })
    }
    return { connection, fetchVersion: Math.min(newest, fetchV17.api.version) }
  } catch (error) {
    connection.close().catch(() => undefined)
    throw error
  }
}

/** The connection is as good as before: the broker has answered, if only with a no. */
function isAnswer(error: unknown): boolean {
  return error instanceof BrokerError || (error instanceof Error && 'response' in error) || error instanceof AssayError
}
