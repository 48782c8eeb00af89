import { AssayError } from '@assay/core'
import { MEMORY_HINT } from '@assay/engine'

/** How a process ended, by itself or by the operating system. */
export interface ChildEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The last of what it wrote to standard error. */
  readonly stderr: string
  /** Why the child could not be started. */
  readonly failure?: string
}

const OUT_OF_MEMORY = /out of memory|bad_alloc|allocation failed|cannot allocate/i
const LAST_WORDS_CHARS_MAX = 300

/** The error for a statement whose process ended under it. */
export function endError(end: ChildEnd): AssayError {
  if (end.failure !== undefined) {
    return new AssayError('query_process_failed', `no process for the query could be started: ${end.failure}`, {
      hint: 'the machine may be short of memory or processes; try again later',
      retryable: true,
    })
  }
  // Nobody here has killed it: then the system has, for want of memory, or the child itself, which watches its own.
  if (end.signal === 'SIGKILL' || OUT_OF_MEMORY.test(end.stderr)) {
    return new AssayError('query_memory', 'the query was stopped: it took more memory than it may have', {
      hint: MEMORY_HINT,
    })
  }
  if (end.signal === 'SIGXCPU') return timeoutError('more processor time than it may have')
  if (end.signal === 'SIGXFSZ') {
    return new AssayError('query_too_large', 'the query was stopped: it wrote a larger file than it may', {
      hint: 'narrow it to fewer days, symbols or columns',
    })
  }
  const how = end.signal ? `signal ${end.signal}` : `exit code ${end.code}`
  return new AssayError('query_crashed', `the query ended its process (${how})${lastWords(end.stderr)}`, {
    hint: 'nothing else was harmed; write the statement in another way, with shorter values or less nesting',
  })
}

export function timeoutError(what: string): AssayError {
  return new AssayError('query_timeout', `the query was stopped: it took ${what}`, {
    hint: 'narrow it to fewer days or symbols, aggregate in steps, or give it longer with assay sql --timeout SECONDS',
  })
}

export function cancelled(): AssayError {
  return new AssayError('query_stopped', 'the query was stopped, as it was asked to', {
    hint: 'nothing of it is left; run it again when it is wanted',
  })
}

function lastWords(stderr: string): string {
  const line = stderr.split('\n').find((text) => /error|fatal|terminate|abort/i.test(text))
  return line === undefined ? '' : `: ${line.trim().slice(0, LAST_WORDS_CHARS_MAX)}`
}
