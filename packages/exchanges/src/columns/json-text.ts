/** A member's value in a JSON object, written as the engine's `json_object` writes it, which all lakes hold. */
type JsonValue = string | bigint | boolean | null

/** A JSON object without blanks. */
export function jsonObject(members: readonly (readonly [name: string, value: JsonValue])[]): string {
  return `{${members.map(([name, value]) => `"${name}":${jsonValue(value)}`).join(',')}}`
}

export function jsonValue(value: JsonValue): string {
  if (typeof value !== 'string') return String(value)
  return JSON.stringify(value).replace(ESCAPE, (found) =>
    found[1] === 'u' ? `\\u${found.slice(2).toUpperCase()}` : found,
  )
}

/** Taken one after the other, so that an escaped backslash never begins the next one. */
const ESCAPE = /\\(?:u[0-9a-f]{4}|[^u])/g
