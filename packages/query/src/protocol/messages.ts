import { AssayError, UsageError } from '@assay/core'
import type { QueryParam } from '@assay/engine'
import { broken } from './frames.js'

/** Formats whose bytes are made in the child and passed on as they are. */
export const STREAM_FORMATS = ['csv', 'json', 'ndjson', 'arrow'] as const
export type StreamFormat = (typeof STREAM_FORMATS)[number]

/** What becomes of the rows. */
export type Output =
  | { readonly kind: 'stream'; readonly format: StreamFormat }
  /** Texts for people to look at: the first rows as texts, the others only counted. */
  | { readonly kind: 'cells'; readonly rows_max: number }
  /** A Parquet file, written by the child in place. */
  | { readonly kind: 'parquet'; readonly path: string }

export interface Statement {
  readonly sql: string
  readonly params?: readonly QueryParam[]
  readonly output: Output
}

/** A view to define, with the files that it reads. */
export interface DefinedView {
  readonly name: string
  readonly select: string
}

/** What a statement reads: views over the pinned files of its tables, in order, and nothing of the others. */
export interface Reads {
  readonly views: readonly DefinedView[]
  readonly files: readonly string[]
}

export interface HeadColumn {
  readonly name: string
  readonly sql_type: string
  readonly isNumeric: boolean
}

export type ToChild =
  | ({ readonly kind: 'inspect'; readonly tables: readonly string[] } & Statement)
  | ({ readonly kind: 'execute' } & Reads)

export type FromChild =
  | { readonly kind: 'ready' }
  /** Tables and views that the statement names; `isCatalogRead` when it asks which there are. */
  | { readonly kind: 'reads'; readonly tables: readonly string[]; readonly isCatalogRead: boolean }
  | { readonly kind: 'head'; readonly columns: readonly HeadColumn[] }
  | { readonly kind: 'cells'; readonly rows: readonly (readonly (string | null)[])[] }
  /** The end of a whole answer, with what it held: without it, an answer is half of one (T29). */
  | ({ readonly kind: 'end'; readonly bytes: number; readonly cpu_ms: number } & RowCount)
  | { readonly kind: 'failed'; readonly error: SentError }

export interface RowCount {
  readonly rows: bigint
  /** False when rows for people to look at were not counted to their end, because that took long. */
  readonly isAll: boolean
}

interface SentError {
  readonly code: string
  readonly message: string
  readonly hint: string | null
  readonly isUsage: boolean
  readonly isRetryable: boolean
}

const TEXT_CHARS_MAX = 4_000

export function encodeMessage(message: ToChild | FromChild): Uint8Array {
  return Buffer.from(
    JSON.stringify(message, (_, value) => (typeof value === 'bigint' ? { $integer: `${value}` } : value)),
  )
}

export function decodeMessage<Message extends ToChild | FromChild>(payload: Uint8Array): Message {
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8')
  try {
    return JSON.parse(text, (_, value) => (isInteger(value) ? BigInt(value.$integer) : value)) as Message
  } catch {
    throw broken('a message that is not JSON')
  }
}

function isInteger(value: unknown): value is { readonly $integer: string } {
  return typeof value === 'object' && value !== null && '$integer' in value
}

/** An error as it goes over a pipe: bounded, without a stack. */
export function sentError(error: unknown): SentError {
  if (!(error instanceof AssayError)) {
    const message = error instanceof Error ? error.message : String(error)
    return { code: 'query_crashed', message: cut(message), hint: null, isUsage: false, isRetryable: false }
  }
  const { code, message, hint, retryable } = error
  return {
    code,
    message: cut(message),
    hint: hint === undefined ? null : cut(hint),
    isUsage: error instanceof UsageError,
    isRetryable: retryable,
  }
}

export function receivedError({ code, message, hint, isUsage, isRetryable }: SentError): AssayError {
  const details = hint === null ? {} : { hint }
  return isUsage
    ? new UsageError(code, message, details)
    : new AssayError(code, message, { ...details, retryable: isRetryable })
}

function cut(text: string): string {
  return text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text
}
