import { readJson } from '@assay/core'

/** A connection to an exchange's own feed, before it is made. */
interface LiveConnection {
  readonly url: string
  /** Texts to send once it is open, in order. */
  readonly subscribe: readonly string[]
}

/** What a text frame is to the connection; trades are read from it by the feed parser, whatever it is called here. */
export type LiveText =
  | { readonly kind: 'data' | 'heartbeat' | 'control' }
  /** The exchange refuses something that was asked for, such as a pair that it does not have. */
  | { readonly kind: 'error'; readonly reason: string }

/** How to take part in an exchange's own WebSocket feed. Describes only: sockets and time are the caller's. */
export interface LiveFeed {
  /** What is followed when nobody says otherwise, as the exchange writes it. */
  readonly symbols: readonly string[]
  /** True for a symbol of the exchange's grammar that it may have: none is written in other letters. */
  isFollowable(symbol: string): boolean
  /** One symbol, for people. */
  readonly symbolExample: string
  /** Symbols that one connection may follow. */
  readonly symbolsMax: number
  connect(symbols: readonly string[]): LiveConnection
  /** What a text frame says of the connection. Never throws. */
  onText(text: string): LiveText
  /** A connection without a frame or ping for so long is dead. */
  readonly silence_ms: number
  /** The exchange ends connections that get older; another is made before. Undefined where it does not. */
  readonly lifetime_ms: number | undefined
}

/** The JSON object that a text is; undefined for any other text. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = readJson(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    return value as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
}
