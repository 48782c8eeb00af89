import { availableParallelism } from 'node:os'

/** What a query's process may take. The operating system enforces all but `scratch_bytes`, which the engine does. */
export interface QueryLimits {
  /** Time to answer, without what the reader of the answer takes. */
  readonly timeout_ms: number
  /** Memory for tables, sorts and hashes; beyond it they go to scratch files. */
  readonly memory_bytes: number
  readonly scratch_bytes: number
  /** Size of a Parquet file that it writes. */
  readonly output_bytes: number
  readonly threads: number
}

export const DEFAULT_LIMITS: QueryLimits = {
  timeout_ms: 10 * 60_000,
  memory_bytes: 512 * 2 ** 20,
  scratch_bytes: 16 * 2 ** 30,
  output_bytes: 2 ** 40,
  threads: Math.min(4, availableParallelism()),
}

/** What the runtime, its stacks and the values of one chunk take besides the engine's own memory. */
const OWN_BYTES = 700 * 2 ** 20

/** All the memory that the process may have. */
export function processBytes({ memory_bytes }: QueryLimits): number {
  return memory_bytes + OWN_BYTES
}

/** Processor time of one statement, all threads together. */
export function statementCpu_ms({ timeout_ms, threads }: QueryLimits): number {
  return timeout_ms * threads
}
