/** Values inside one another in JSON that people and other programs send. */
const JSON_DEPTH_MAX = 100
/** The same in what tools write: schemas and metadata of tables. */
export const TOOL_JSON_DEPTH_MAX = 2_000

/** No nesting of so short a text costs anything: messages of feeds are hardly ever longer. */
const SHORT_CHARACTERS = 4_096

const OPENING = ['[', '{']

/** `JSON.parse` for texts that somebody else wrote. Throws a SyntaxError for what is no JSON, or nests too deeply. */
export function readJson(text: string, depthMax = JSON_DEPTH_MAX): unknown {
  checkJsonDepth(text, depthMax)
  return JSON.parse(text)
}

/**
 * Throws a SyntaxError for a text whose values nest too deeply. Parsers build a value for each level, or call themselves:
 * a megabyte of brackets would hold the process for a second, or end it.
 */
export function checkJsonDepth(text: string, depthMax = JSON_DEPTH_MAX): void {
  if (text.length <= SHORT_CHARACTERS || hasAtMost(text, depthMax) || depthWithin(text, depthMax)) return
  throw new SyntaxError(`values nest more than ${depthMax} deep`)
}

/** Whether there are few enough brackets for any nesting of them. */
function hasAtMost(text: string, most: number): boolean {
  let count = 0
  for (const bracket of OPENING) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      if (++count > most) return false
    }
  }
  return true
}

const [QUOTE, BACKSLASH, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d]

function depthWithin(text: string, most: number): boolean {
  let depth = 0
  let isQuoted = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isQuoted) {
      if (code === BACKSLASH) at++
      else if (code === QUOTE) isQuoted = false
    } else if (code === QUOTE) isQuoted = true
    else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
      if (++depth > most) return false
    } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) depth--
  }
  return true
}
