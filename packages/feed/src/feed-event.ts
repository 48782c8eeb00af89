import { errorFields, type LogLine, messageOf } from '@assay/core'

/** What a feed tells of itself, for logs, metrics and the console. */
export type FeedEvent =
  | { readonly kind: 'sample_loaded'; readonly exchange: string; readonly produced: number }
  | { readonly kind: 'simulating'; readonly exchange: string; readonly per_second: number }
  /** The log or the registry is away. */
  | { readonly kind: 'outage'; readonly exchange: string; readonly error: unknown; readonly retry_ms: number }
  /** The exchange's feed is open again; `outage_seconds` have passed since the last event about it. */
  | { readonly kind: 'connected'; readonly exchange: string; readonly outage_seconds: number }
  /** The feed was lost, or could not be had at another try. */
  | {
      readonly kind: 'disconnected'
      readonly exchange: string
      readonly reason: string
      readonly retry_ms: number
      readonly outage_seconds: number
      /** False while another connection still delivers. */
      readonly is_down: boolean
    }
  /** The exchange does not give what was asked for; the rest goes on. */
  | { readonly kind: 'rejected'; readonly exchange: string; readonly reason: string }
  /** At least once a second of a live feed, and after each batch of a simulated one; counts since the event before. */
  | {
      readonly kind: 'progress'
      readonly exchange: string
      readonly messages: number
      /** Records that are in the log. */
      readonly records: number
      readonly refused: number
      /** Why the first of the refused messages was refused. */
      readonly refusal?: string
      /** The beginning of that message, as a JSON text. */
      readonly refused_text?: string
      /** Records held in memory because the log has not taken them yet. */
      readonly buffer_bytes: number
    }
  /** Heartbeats could not be written, for a minute at most until the next of these; trades go on. */
  | { readonly kind: 'heartbeats_failed'; readonly exchange: string; readonly error: unknown }
  /** Records that could not be written before the end. */
  | { readonly kind: 'given_up'; readonly exchange: string; readonly records: number }

/** Undefined for progress without anything that was refused. */
export function feedEventLine(event: FeedEvent): LogLine | undefined {
  const { exchange } = event
  switch (event.kind) {
    case 'sample_loaded':
      return {
        level: 'info',
        fields: { exchange, records: event.produced },
        message: 'recorded trades are in the log',
      }
    case 'simulating':
      return { level: 'info', fields: { exchange, per_second: event.per_second }, message: 'simulated trades begin' }
    case 'outage':
      return {
        level: 'warn',
        fields: { exchange, retry_ms: event.retry_ms, ...errorFields(event.error) },
        message: `feed interrupted, trying again: ${messageOf(event.error)}`,
      }
    case 'connected':
      return {
        level: 'info',
        fields: { exchange, outage_seconds: event.outage_seconds },
        message: 'connected to the exchange',
      }
    case 'disconnected':
      return {
        level: 'warn',
        fields: { exchange, retry_ms: Math.round(event.retry_ms) },
        message: `no connection to the exchange, trying again: ${event.reason}`,
      }
    case 'rejected':
      return {
        level: 'error',
        fields: { exchange },
        message: `the exchange refuses what was asked for: ${event.reason}`,
      }
    case 'heartbeats_failed':
      return {
        level: 'warn',
        fields: { exchange, ...errorFields(event.error) },
        message: `no heartbeats are written, trades are: ${messageOf(event.error)}`,
      }
    case 'given_up':
      return {
        level: 'error',
        fields: { exchange, records: event.records },
        message: 'these records could not be written before the end',
      }
    case 'progress': {
      if (event.refused === 0) return undefined
      return {
        level: 'warn',
        fields: {
          exchange,
          refused: event.refused,
          ...(event.refused_text !== undefined && { text: event.refused_text }),
        },
        message: `not understood: ${event.refusal}`,
      }
    }
  }
}
