import { readdirSync, readFileSync } from 'node:fs'
import { isUnfinished } from './shell.js'

const ROOT = new URL('../../', import.meta.url)
/** Folders without pages of ours. */
const NOT_OURS = new Set(['dist', 'node_modules'])

/** A fenced block of a page. */
export interface Block {
  /** Path of the page, from the project's root. */
  readonly page: string
  /** Number of the line after the fence. */
  readonly line: number
  /** What follows the fence: `sh`, `console`, `ts` …, or nothing. */
  readonly language: string
  readonly text: string
}

/** What somebody types in a console, and what is shown for it. */
export interface Exchange {
  readonly typed: string
  readonly shown: string
}

export function readPage(page: string): string {
  return readFileSync(new URL(page, ROOT), 'utf8')
}

/** Paths of all Markdown files, but for the list of changes, which tells of the past. */
export function pages(): string[] {
  const names = readdirSync(ROOT, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return [entry.name]
    // `npm start` makes a lake there.
    const isPassed = NOT_OURS.has(entry.name) || entry.name === 'lake' || entry.name.startsWith('.')
    return isPassed ? [] : filesBelow(`${entry.name}/`)
  })
  return names.filter((name) => name.endsWith('.md') && name !== 'CHANGELOG.md').sort()
}

function filesBelow(folder: string): string[] {
  return readdirSync(new URL(folder, ROOT), { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return [`${folder}${entry.name}`]
    return NOT_OURS.has(entry.name) ? [] : filesBelow(`${folder}${entry.name}/`)
  })
}

export function blocksOf(page: string): Block[] {
  const lines = readPage(page).split('\n')
  const found: Block[] = []
  for (let i = 0; i < lines.length; i++) {
    const fence = /^( *)(```+)(\S*)/.exec(lines[i] ?? '')
    if (!fence) continue
    const [, indent = '', ticks = '', language = ''] = fence
    const end = lines.indexOf(indent + ticks, i + 1)
    if (end < 0) throw new Error(`${page}:${i + 1}: the block does not end`)
    const text = lines.slice(i + 1, end).map((line) => line.slice(indent.length))
    found.push({ page, line: i + 2, language, text: text.join('\n') })
    i = end
  }
  return found
}

/** The page without its fenced blocks. */
export function proseOf(page: string): string {
  return readPage(page).replaceAll(/^( *)(```+)[^\n]*\n[\s\S]*?^\1\2$/gm, '')
}

/** What is typed in a `console` block, behind `$ `, with the lines that continue it, and what is shown for it. */
export function exchangesIn(console: string): Exchange[] {
  const found: { typed: string; shown: string[] }[] = []
  let isTyping = false
  for (const line of console.split('\n')) {
    const last = found.at(-1)
    if (isTyping && last) last.typed += `\n${line}`
    else if (line.startsWith('$ ')) found.push({ typed: line.slice(2), shown: [] })
    else if (last) last.shown.push(line)
    else throw new Error(`a console block begins with what is shown: ${line}`)
    isTyping = isUnfinished(found.at(-1)?.typed ?? '')
  }
  return found.map(({ typed, shown }) => ({ typed, shown: shown.join('\n').trim() }))
}

/** The shell text of a block: all of `sh`, what is typed in `console`. Undefined for other languages. */
export function shellTextOf({ language, text }: Block): string | undefined {
  if (language === 'sh') return text
  if (language !== 'console') return undefined
  return exchangesIn(text)
    .map(({ typed }) => typed)
    .join('\n')
}
