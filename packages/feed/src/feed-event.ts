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
      /** Why the first of the refused was. */
      readonly refusal?: string
      /** Held in memory because the log has not taken it yet. */
      readonly buffer_bytes: number
    }
  /** Records that could not be written before the end. */
  | { readonly kind: 'given_up'; readonly exchange: string; readonly records: number }
