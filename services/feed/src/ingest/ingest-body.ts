import { isUtf8 } from 'node:buffer'
import { messageOf, readJson } from '@assay/core'

/** Messages of one request at most. */
export const EVENTS_MAX = 10_000

type EventTexts =
  | { readonly kind: 'texts'; readonly texts: readonly string[] }
  | { readonly kind: 'malformed'; readonly why: string }
  | { readonly kind: 'too_many' }

const WHY_CHARACTERS_MAX = 200
const BLANK = /^\s*$/

/**
 * The messages of a body, each as it was written: numbers in them must not pass through a double. `array` is one JSON
 * array of messages, `lines` one message a line, whatever it holds.
 */
export function eventTexts(body: Uint8Array, form: 'array' | 'lines'): EventTexts {
  if (body.length === 0) return { kind: 'malformed', why: 'the body is empty' }
  if (!isUtf8(body)) return { kind: 'malformed', why: 'the body is not UTF-8' }
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()
  return form === 'array' ? arrayTexts(text) : lineTexts(text)
}

function lineTexts(text: string): EventTexts {
  const texts: string[] = []
  for (let from = 0; from < text.length; ) {
    const newline = text.indexOf('\n', from)
    const end = newline < 0 ? text.length : newline
    const line = text.slice(from, end)
    if (!BLANK.test(line)) texts.push(line)
    if (texts.length > EVENTS_MAX) return { kind: 'too_many' }
    from = end + 1
  }
  return { kind: 'texts', texts }
}

function arrayTexts(text: string): EventTexts {
  let value: unknown
  try {
    value = readJson(text)
  } catch (error) {
    return { kind: 'malformed', why: `the body is not JSON: ${messageOf(error).slice(0, WHY_CHARACTERS_MAX)}` }
  }
  if (!Array.isArray(value)) return { kind: 'malformed', why: 'the body is not an array of messages' }
  if (value.length > EVENTS_MAX) return { kind: 'too_many' }
  return { kind: 'texts', texts: elementTexts(text) }
}

/** The elements of what is known to be a JSON array, cut at the commas that are in no text and no inner value. */
function elementTexts(text: string): string[] {
  const texts: string[] = []
  let depth = 0
  let isQuoted = false
  let from = text.indexOf('[') + 1
  const take = (end: number): void => {
    const element = text.slice(from, end)
    if (!BLANK.test(element)) texts.push(element)
    from = end + 1
  }
  for (let at = from; depth >= 0 && at < text.length; at++) {
    const character = text[at]
    if (isQuoted) {
      if (character === '\\') at++
      else if (character === '"') isQuoted = false
    } else if (character === '"') isQuoted = true
    else if (character === '[' || character === '{') depth++
    else if (character === ']' || character === '}') {
      depth--
      if (depth < 0) take(at)
    } else if (character === ',' && depth === 0) take(at)
  }
  return texts
}
