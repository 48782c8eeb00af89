import type { FeedEvent } from '@assay/feed'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { IngestEvent } from './ingest/ingest.js'

/** What feeds and ingest tell by their events, as metrics. */
export class FeedMetrics {
  readonly #messages: Counter
  readonly #records: Counter
  readonly #refused: Counter
  readonly #rejected: Counter
  readonly #connects: Counter
  readonly #disconnects: Counter
  readonly #outageSeconds: Counter
  readonly #logOutages: Counter
  readonly #givenUp: Counter
  readonly #connected: Gauge
  readonly #buffer: Gauge
  readonly #requests: Counter
  readonly #ingested: Counter
  readonly #ingestRefused: Counter

  constructor(registry: Registry, exchanges: readonly string[]) {
    const registers = [registry]
    const counter = (name: string, help: string): Counter => {
      const made = new Counter({ name: `assay_feed_${name}_total`, help, labelNames: ['exchange'], registers })
      // A series that begins with its first event hides that event from rates.
      for (const exchange of exchanges) made.inc({ exchange }, 0)
      return made
    }
    const gauge = (name: string, help: string): Gauge =>
      new Gauge({ name: `assay_feed_${name}`, help, labelNames: ['exchange'], registers })
    this.#messages = counter('messages', "Text frames of the exchange's feed.")
    this.#records = counter('records', 'Records of the feed that are in the log.')
    this.#refused = counter('refused', 'Messages or trades of the feed that could not be read.')
    this.#rejected = counter('rejected', 'Times that the exchange did not give what was asked for.')
    this.#connects = counter('connects', 'Times that the feed came up.')
    this.#disconnects = counter('disconnects', 'Connections lost, and attempts that failed.')
    this.#outageSeconds = counter('outage_seconds', 'Time without a connection to the exchange.')
    this.#logOutages = counter('log_outages', 'Writes that failed because the log or the registry was away.')
    this.#givenUp = counter('given_up_records', 'Records that could not be written before the service ended.')
    this.#connected = gauge('connected', '1 while there is a connection to the exchange, 0 while there is none.')
    this.#buffer = gauge('buffer_bytes', 'Bytes that wait in memory for the log.')
    this.#requests = new Counter({
      name: 'assay_feed_ingest_requests_total',
      help: 'Requests to the ingest, by the `status` of the answer.',
      labelNames: ['exchange', 'status'],
      registers,
    })
    this.#ingested = counter('ingest_records', 'Records of the ingest that are in the log.')
    this.#ingestRefused = counter('ingest_refused', 'Messages or trades of the ingest that could not be read.')
  }

  onEvent(event: FeedEvent): void {
    const labels = { exchange: event.exchange }
    switch (event.kind) {
      case 'progress':
        this.#messages.inc(labels, event.messages)
        this.#records.inc(labels, event.records)
        this.#refused.inc(labels, event.refused)
        this.#buffer.set(labels, event.buffer_bytes)
        return
      case 'connected':
        this.#connects.inc(labels)
        this.#outageSeconds.inc(labels, event.outage_seconds)
        this.#connected.set(labels, 1)
        return
      case 'disconnected':
        this.#disconnects.inc(labels)
        this.#outageSeconds.inc(labels, event.outage_seconds)
        this.#connected.set(labels, event.is_down ? 0 : 1)
        return
      case 'rejected':
        this.#rejected.inc(labels)
        return
      case 'outage':
        this.#logOutages.inc(labels)
        return
      case 'given_up':
        this.#givenUp.inc(labels, event.records)
    }
  }

  onIngest({ exchange, status, records, refused }: IngestEvent): void {
    this.#requests.inc({ exchange, status: String(status) })
    this.#ingested.inc({ exchange }, records)
    this.#ingestRefused.inc({ exchange }, refused)
  }
}
