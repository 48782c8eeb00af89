import type { HttpAnswer } from '@assay/core'
import { readJson, TOOL_JSON_DEPTH_MAX } from '@assay/core'
import { type RegistryProblem, registryProblem } from './registry-problems.js'

/**
 * What an answer says. The body of one that a registry gives is JSON that says so, with a schema that can be parsed if
 * there is one. A page that something in between answers is none, whatever its status.
 */
export function readAnswer(answer: HttpAnswer): { kind: 'answered'; body: object } | RegistryProblem {
  const { status, type } = answer
  const body = objectIn(answer.text)
  if (status < 200 || status > 299) return registryProblem(status, body)
  const unreadable = (why: string): RegistryProblem => ({
    kind: 'unreadable',
    detail: `HTTP ${status}, ${type}, ${why}`,
  })
  if (status !== 200) return unreadable('which is no answer of a registry')
  if (!/^application\/([\w.-]+\+)?json\b/i.test(type)) return unreadable('not JSON')
  if (body === undefined) return unreadable('not a JSON object')
  if ('error_code' in body) return unreadable('an error with the status of success')
  return hasBrokenSchema(body) ? unreadable('a schema that is cut off') : { kind: 'answered', body }
}

function objectIn(text: string): object | undefined {
  const value = jsonIn(text)
  return typeof value === 'object' && value !== null ? value : undefined
}

/** Registries keep Avro schemas as JSON text; those in other languages say which. */
function hasBrokenSchema(body: object): boolean {
  const { schema, schemaType = 'AVRO' } = body as { readonly schema?: unknown; readonly schemaType?: unknown }
  return typeof schema === 'string' && schemaType === 'AVRO' && jsonIn(schema) === undefined
}

function jsonIn(text: string): unknown {
  try {
    return readJson(text, TOOL_JSON_DEPTH_MAX)
  } catch {
    return undefined
  }
}
