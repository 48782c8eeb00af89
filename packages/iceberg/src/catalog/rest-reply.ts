import type { HttpAnswer } from '@assay/core'
import { type Json, type JsonObject, parseJson } from '../format/json.js'

export interface RestReply extends HttpAnswer {
  /** Parsed when it is asked for; undefined when the answer is not a JSON object. */
  readonly body: JsonObject | undefined
}

export function replyOf(raw: HttpAnswer): RestReply {
  let body: { readonly value: JsonObject | undefined } | undefined
  return {
    ...raw,
    get body() {
      body ??= { value: jsonObject(raw.text) }
      return body.value
    },
  }
}

/**
 * True of what an Iceberg REST catalog answers: JSON by name, with what was asked for, or with the specification's
 * `ErrorModel` whose code is the status. Whatever stands in between answers otherwise.
 */
export function isCatalogsWord({ status, type, body, text }: RestReply, holds: (body: JsonObject) => boolean): boolean {
  if (status === 304) return text === ''
  if (!/^application\/([\w.-]+\+)?json\b/i.test(type) || body === undefined) return false
  if (status === 200) return holds(body)
  const error = objectIn(body, 'error')
  return status >= 400 && Number(error?.code) === status && typeof error?.type === 'string'
}

/** A 404 of the catalog itself. */
export function saysMissing({ status }: RestReply): boolean {
  return status === 404
}

export function hasConfiguration(body: JsonObject): boolean {
  return objectIn(body, 'defaults') !== undefined || objectIn(body, 'overrides') !== undefined
}

export function hasNamespace(name: string): (body: JsonObject) => boolean {
  return ({ namespace }) => Array.isArray(namespace) && namespace.at(-1) === name
}

export function hasTable(body: JsonObject): boolean {
  const metadata = objectIn(body, 'metadata')
  const isNamed = typeof body['metadata-location'] === 'string' && body['metadata-location'] !== ''
  return isNamed && typeof metadata?.['table-uuid'] === 'string' && typeof metadata.location === 'string'
}

/** What a server would make a table with, which it has not made. */
export function hasStagedTable(body: JsonObject): boolean {
  return typeof objectIn(body, 'metadata')?.location === 'string'
}

export function hasTables({ identifiers }: JsonObject): boolean {
  return Array.isArray(identifiers)
}

function objectIn(body: JsonObject, name: string): JsonObject | undefined {
  const value = body[name]
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
}

function jsonObject(text: string): JsonObject | undefined {
  try {
    const value: Json = parseJson(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}
