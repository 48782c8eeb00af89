import { AssayError, OutageError } from '@assay/core'

const DETAIL_CHARACTERS_MAX = 500

/** Error codes of the Confluent API: subject, version, schema, or a subject's own compatibility not found. */
const NOT_FOUND_CODES = [40401, 40402, 40403, 40408]

/**
 * What a failed request means. `unknown`: the registry itself says that there is no such subject or schema; any other
 * 404 is a wrong address, or a proxy's. `conflict`: it refuses a registration. `invalid`: it takes the schema for none.
 * `denied`: it says so itself. `barred`: access is refused by whatever stands before it, or by a registry without words.
 */
export interface RegistryProblem {
  readonly kind: 'unknown' | 'conflict' | 'invalid' | 'denied' | 'barred' | 'away' | 'unreadable'
  readonly detail: string
}

/** Judges an answer whose status is none of success; `body` is its JSON. */
export function registryProblem(status: number, body: object | undefined): RegistryProblem {
  const { error_code: said, message } = (body ?? {}) as { readonly error_code?: unknown; readonly message?: unknown }
  const errorCode = typeof said === 'number' && typeof message === 'string' ? said : undefined
  const reason = typeof message === 'string' ? message.slice(0, DETAIL_CHARACTERS_MAX) : 'no reason given'
  const detail = `HTTP ${status}${errorCode === undefined ? '' : `, error ${errorCode}`}`
  const isOwnWord = errorCode === status || Math.floor((errorCode ?? 0) / 100) === status
  if (isOwnWord) {
    if (NOT_FOUND_CODES.includes(errorCode as number)) return { kind: 'unknown', detail }
    if (status === 409) return { kind: 'conflict', detail: reason }
    if (status === 422) return { kind: 'invalid', detail: reason }
  }
  if (status === 401 || status === 403) return { kind: isOwnWord ? 'denied' : 'barred', detail }
  if (status === 407) return { kind: 'barred', detail }
  if (status >= 500 || status === 429 || status === 408) return { kind: 'away', detail }
  return { kind: 'unreadable', detail }
}

export function problemError({ kind, detail }: RegistryProblem): AssayError {
  if (kind === 'invalid') {
    return new AssayError('schema_invalid', `the registry refuses the schema: ${detail}`, {
      hint: 'register the JSON text of an Avro schema',
    })
  }
  if (kind === 'denied' || kind === 'barred') {
    const by = kind === 'denied' ? 'the schema registry refuses' : 'the schema registry, or a proxy before it, refuses'
    return new OutageError('registry_denied', `${by} access: ${detail}`, {
      hint: 'check its user and password or token, that they may read and register schemas, and what stands between here and the registry',
    })
  }
  if (kind === 'away') {
    return new OutageError('registry_away', `the schema registry does not answer: ${detail}`, {
      hint: 'check that it runs and can be reached',
    })
  }
  return unreadable(`an answer that makes sense (${detail})`)
}

export function unreadable(wanted: string): OutageError {
  return new OutageError('registry_answer_unreadable', `the schema registry did not give ${wanted}`, {
    hint: 'check its address: the base URL of an API like Confluent’s, which may end in a path such as /apis/ccompat/v7, and what stands between here and it',
  })
}
