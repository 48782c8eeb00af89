import type { RegistryProblem } from './registry-problems.js'

/** What came over HTTP with a status of success. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly data: unknown
}

/**
 * The body of an answer that a registry gives: JSON that says so, with a schema that can be parsed if there is one. A
 * page that something in between answers is none, whatever its status.
 */
export function readAnswer({
  status,
  headers,
  data,
}: HttpAnswer): { kind: 'answered'; body: object } | RegistryProblem {
  const type = String(headers['content-type'] ?? 'no content type').slice(0, 60)
  const unreadable = (why: string): RegistryProblem => ({
    kind: 'unreadable',
    detail: `HTTP ${status}, ${type}, ${why}`,
  })
  if (status !== 200) return unreadable('which is no answer of a registry')
  if (!/^application\/([\w.-]+\+)?json\b/i.test(type)) return unreadable('not JSON')
  if (typeof data !== 'object' || data === null) return unreadable('not a JSON object')
  if ('error_code' in data) return unreadable('an error with the status of success')
  return hasBrokenSchema(data) ? unreadable('a schema that is cut off') : { kind: 'answered', body: data }
}

/** Registries keep Avro schemas as JSON text; those in other languages say which. */
function hasBrokenSchema(body: object): boolean {
  const { schema, schemaType = 'AVRO' } = body as { readonly schema?: unknown; readonly schemaType?: unknown }
  if (typeof schema !== 'string' || schemaType !== 'AVRO') return false
  try {
    JSON.parse(schema)
    return false
  } catch {
    return true
  }
}
