import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { figuresOf } from './figures.mjs'

const FOLDER = new URL('../results/', import.meta.url)
/** What makes two machines the same. */
const SAME = ['processor', 'processors', 'memory_bytes', 'platform']

/** The newest results of the same machine that have one of the figures; undefined without. */
export async function lastResults(machine, parts) {
  const wanted = new Set(figuresOf(parts).map(([name]) => name))
  const files = (await readdir(FOLDER).catch(() => [])).filter((name) => name.endsWith('.json')).sort()
  for (const name of files.reverse()) {
    const results = await readResults(new URL(name, FOLDER))
    const isSame = SAME.every((key) => results.machine?.[key] === machine[key])
    if (isSame && figuresOf(results).some(([figure]) => wanted.has(figure))) return { name, results }
  }
  return undefined
}

/** Results as they were written: of several repositories those of the last. */
export async function readResults(file) {
  const results = JSON.parse(await readFile(file, 'utf8'))
  return { ...results, ...results.repositories?.at(-1)?.parts }
}

/** Writes results under their date; gives the file's name. */
export async function writeResults(results) {
  await mkdir(FOLDER, { recursive: true })
  const name = `${results.date.replaceAll(':', '-').slice(0, 19)}.json`
  await writeFile(new URL(name, FOLDER), `${JSON.stringify(results, null, 2)}\n`)
  return name
}

/** The commit that a repository's folder stands at; undefined where it is none. */
export function commitOf(folder) {
  try {
    return execFileSync('git', ['-C', folder, 'rev-parse', '--short', 'HEAD'], { stdio: 'pipe' }).toString().trim()
  } catch {
    return undefined
  }
}
