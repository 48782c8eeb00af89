// Makes docs/errors.md from the errors in the code.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const KINDS = { AssayError: 'failure', LogDamageError: 'failure', OutageError: 'outage', UsageError: 'usage' }
const DISK_SOURCE = readFileSync(join(ROOT, 'packages/core/src/disk-faults.ts'), 'utf8')
/** What a disk does, as codes of engine, log and store end (`store_full`), and the names of their hints. */
const DISK_FAULTS = { full: 'FULL_HINT', denied: 'DENIED_HINT', too_many_files: 'FILES_HINT', failed: 'FAILED_HINT' }

const HEAD = `# Errors

Every error that Assay tells by a code, by the package that it comes from. Commands end with 2 at a **usage** error, with 3
at an **outage** and with 1 at a **failure**; services and \`up\` wait an outage out and go on by themselves. Answers over
HTTP are problem documents with the same codes. "…" stands for what is known only when it happens.

This page is made from the code: \`node docs/write-errors.mjs\`.
`

/** The page, in Markdown. */
export function errorsPage() {
  const found = ['packages', 'services'].flatMap((parent) =>
    readdirSync(join(ROOT, parent)).flatMap((name) => errorsOf(join(parent, name))),
  )
  const texts = [...groupByPart(found)].map(([part, errors]) => `## ${part}\n\n${tableOf(errors)}`)
  return `${HEAD}\n${texts.join('\n')}`
}

function groupByPart(errors) {
  const groups = new Map()
  for (const error of errors) groups.set(error.part, [...(groups.get(error.part) ?? []), error])
  return groups
}

/** Every place in the code where an error is made, with what it says and whether it says what to do. */
export function thrownErrors() {
  return ['packages', 'services'].flatMap((parent) =>
    readdirSync(join(ROOT, parent)).flatMap((name) => {
      const sources = sourcesOf(join(parent, name))
      return sources.flatMap(({ file, text }) =>
        thrown(text, constantsOf(sources)).map((error) => ({ file, ...error })),
      )
    }),
  )
}

function sourcesOf(folder) {
  return filesIn(join(ROOT, folder, 'src')).map((file) => ({
    file: relative(ROOT, file).split(sep).join('/'),
    text: readFileSync(file, 'utf8'),
  }))
}

/** Where the constants of a part may stand: in itself, or in what all share. */
function constantsOf(sources) {
  return [...sources, ...sourcesOf('packages/core')].map(({ text }) => text).join('\n')
}

function errorsOf(folder) {
  const sources = sourcesOf(folder)
  const constants = constantsOf(sources)
  const all = sources.flatMap(({ text }) => [...thrown(text, constants), ...described(text)])
  return all.map((error) => ({ part: relative(ROOT, join(ROOT, folder)).split(sep).join('/'), ...error }))
}

function filesIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesIn(path) : entry.name.endsWith('.ts') ? [path] : []
  })
}

/** Errors that are made where they are thrown: `new OutageError('code', message, { hint })`; `all` has the constants. */
function thrown(source, all) {
  return [...source.matchAll(/new (AssayError|LogDamageError|OutageError|UsageError)\(/g)].flatMap((match) => {
    const [code = '', message = '', details = ''] = argumentsAt(source, match.index + match[0].length)
    const hint = /\bhint\b:?/.exec(details)
    const says = textOf(message, all)
    const next = hint?.[0].endsWith(':') ? textOf(details.slice(hint.index + hint[0].length), all) : ''
    return codesOf(code).map((one) => ({ kind: KINDS[match[1]], says, next, hasHint: hint !== null, ...one }))
  })
}

/** Errors that are chosen from a table: `{ code: 'store_busy', hint: … }`, and those of HTTP. */
function described(source) {
  return [...source.matchAll(/\bcode: '([a-z0-9]+_[a-z0-9_]+)'([^}]*)/g)].map(([, code, rest]) => {
    const hint = /\bhint:([\s\S]*)/.exec(rest)
    return { code, kind: '', says: '', next: hint ? textOf(hint[1], source) : '' }
  })
}

function codesOf(argument) {
  const literal = /^'([a-z0-9_]+)'$/.exec(argument)
  if (literal) return [{ code: literal[1] }]
  const [, prefix] = /^`([a-z_]+_)\$\{fault\}`$/.exec(argument) ?? []
  if (prefix === undefined) return []
  return Object.entries(DISK_FAULTS).map(([fault, hint]) => ({ code: prefix + fault, next: textOf(hint, DISK_SOURCE) }))
}

/** The arguments of a call, as they are written; `at` is behind its parenthesis. */
function argumentsAt(source, at) {
  const found = []
  let depth = 0
  let start = at
  for (let i = at; i < source.length; i++) {
    const char = source[i]
    if ('\'`"'.includes(char)) i = endOfText(source, i)
    else if ('([{'.includes(char)) depth++
    else if (')]}'.includes(char) && depth-- === 0) return [...found, source.slice(start, i).trim()].filter(Boolean)
    else if (char === ',' && depth === 0) {
      found.push(source.slice(start, i).trim())
      start = i + 1
    }
  }
  return found
}

/** Where a text in quotes ends; expressions in a template may hold texts of their own. */
function endOfText(source, at) {
  const quote = source[at]
  for (let i = at + 1; i < source.length; i++) {
    if (source[i] === '\\') i++
    else if (source[i] === quote) return i
    else if (quote === '`' && source.startsWith('${', i)) i = endOfExpression(source, i + 2)
  }
  return source.length
}

function endOfExpression(source, at) {
  let depth = 0
  for (let i = at; i < source.length; i++) {
    if ('\'`"'.includes(source[i])) i = endOfText(source, i)
    else if (source[i] === '{') depth++
    else if (source[i] === '}' && depth-- === 0) return i
  }
  return source.length
}

/** The first text of an expression, or of the constant that it names, with "…" for what is filled in. */
function textOf(expression, source) {
  const [, constant] = /^\s*([A-Z][A-Z_]+)\b/.exec(expression) ?? []
  const defined = constant && new RegExp(`\\bconst ${constant} =([\\s\\S]*)`).exec(source)
  return defined ? firstText(defined[1]) : firstText(expression)
}

function firstText(expression) {
  const start = expression.search(/['`"]|$/)
  if (start === expression.length) return ''
  const raw = expression.slice(start + 1, endOfText(expression, start))
  let text = ''
  for (let i = 0; i < raw.length; i++) {
    if (raw.startsWith('${', i)) {
      i = endOfExpression(raw, i + 2)
      text += '…'
    } else if (raw[i] === '\\') text += raw[++i] === 'n' ? ' ' : raw[i]
    else text += raw[i]
  }
  return text.trim()
}

function tableOf(errors) {
  const byCode = new Map()
  for (const { code, kind, says, next } of errors) {
    const known = byCode.get(code) ?? { kinds: new Set(), says: new Set(), next: new Set() }
    if (kind) known.kinds.add(kind)
    if (says && says !== '…') known.says.add(says)
    if (next && next !== '…') known.next.add(next)
    byCode.set(code, known)
  }
  const cell = (texts) => [...texts].join('<br>').replaceAll('|', '\\|')
  const rows = [...byCode].sort(([a], [b]) => (a < b ? -1 : 1))
  const lines = rows.map(
    ([code, { kinds, says, next }]) => `| \`${code}\` | ${cell(kinds)} | ${cell(says)} | ${cell(next)} |`,
  )
  return `| code | kind | says | what to do |\n| --- | --- | --- | --- |\n${lines.join('\n')}\n`
}
