import type { ParseStatus } from '@assay/core'

/**
 * How silver names a symbol, and the quote currency; null for what is missing, breaks the grammar, or is unknown. Base
 * and quote apart are in its key: two pairs whose joined names are equal have two currencies.
 */
export interface Market {
  readonly symbol: string | null
  readonly currency: string | null
  /** Parse status of the symbol's text. */
  readonly status: (typeof ParseStatus)[keyof typeof ParseStatus]
}
