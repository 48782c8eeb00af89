import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemRandom } from '@assay/core'
import type { Answering } from '../../src/ask.js'
import type { QueryChildOptions, Resolver } from '../../src/children/query-child.js'
import type { QueryLimits } from '../../src/protocol/limits.js'
import type { Output } from '../../src/protocol/messages.js'

export function childOptions(limits: Partial<QueryLimits> = {}): QueryChildOptions {
  return {
    limits: {
      timeout_ms: 30_000,
      memory_bytes: 96 * 2 ** 20,
      scratch_bytes: 64 * 2 ** 20,
      output_bytes: 2 ** 30,
      threads: 2,
      ...limits,
    },
    scratchDirectory: mkdtempSync(join(tmpdir(), 'assay-query-')),
    clock: systemClock,
    random: systemRandom,
  }
}

/** One view over nothing but numbers. */
export const TRADES: Resolver = {
  tables: ['trades'],
  resolve: async (tables, isCatalogRead) => ({
    views:
      tables.length > 0 || isCatalogRead
        ? [{ name: 'trades', select: 'SELECT i AS id, (i * 1.5)::DECIMAL(28,10) AS price FROM range(3000) t(i)' }]
        : [],
    files: [],
  }),
}

export const CSV: Output = { kind: 'stream', format: 'csv' }
const NEVER = new AbortController().signal

/** The whole answer as bytes; throws what the statement fails with, or when the end mark is missing. */
export async function answerOf(
  answering: Answering,
  sql: string,
  {
    output = CSV,
    signal = NEVER,
    resolver = TRADES,
  }: { output?: Output; signal?: AbortSignal; resolver?: Resolver } = {},
): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let isWhole = false
  for await (const part of answering.run({ sql, output }, resolver, signal)) {
    if (part.kind === 'bytes') pieces.push(part.bytes)
    isWhole = part.kind === 'end'
  }
  if (!isWhole) throw new Error('an answer ended without its end mark')
  return Buffer.concat(pieces)
}

/** The code of what the statement fails with, or `answered`. Keeps nothing of the answer. */
export async function codeOf(answering: Answering, sql: string): Promise<string> {
  let isWhole = false
  try {
    for await (const part of answering.run({ sql, output: CSV }, TRADES, NEVER)) isWhole = part.kind === 'end'
  } catch (error) {
    return (error as { readonly code?: string }).code ?? String(error)
  }
  return isWhole ? 'answered' : 'an answer ended without its end mark'
}
