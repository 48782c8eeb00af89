// @ts-check
import { readFileSync } from 'node:fs'

/**
 * Mutants that change nothing that a test could see, by file and reason, each as `place` writes it: the list that the
 * scores are made with.
 * @returns {Record<string, Record<string, readonly string[]>>}
 */
export function readEquivalents() {
  return JSON.parse(readFileSync(new URL('equivalent.json', import.meta.url), 'utf8'))
}

/**
 * A mutant's line with the change marked in it; a change over several lines by its first and its last word.
 * @param {readonly string[]} lines
 * @param {import('@stryker-mutator/api/core').MutantResult} mutant
 */
function place(lines, { location: { start, end }, replacement = '' }) {
  const first = lines[start.line - 1] ?? ''
  const last = lines[end.line - 1] ?? ''
  const was =
    start.line === end.line
      ? first.slice(start.column - 1, end.column - 1)
      : `${first.slice(start.column - 1)} … ${last.slice(0, end.column - 1).trim()}`
  const becomes = replacement.split('\n').map((line) => line.trim())
  const short = becomes.length > 3 ? `${becomes[0]} … ${becomes.at(-1)}` : becomes.join(' ')
  return `${first.slice(0, start.column - 1).trimStart()}[${was} → ${short}]${last.slice(end.column - 1)}`
}

/**
 * @param {string} file
 * @param {readonly string[]} lines
 * @param {readonly import('@stryker-mutator/api/core').MutantResult[]} results
 * @param {ReturnType<typeof readEquivalents>} equivalents
 */
export function describeMutants(file, lines, results, equivalents) {
  const known = new Set(Object.values(equivalents[file] ?? {}).flat())
  const counted = results.filter(({ status }) => !['Ignored', 'CompileError'].includes(status))
  const alive = counted.filter(({ status }) => status !== 'Killed' && status !== 'Timeout')
  const isEquivalent = (/** @type {import('@stryker-mutator/api/core').MutantResult} */ mutant) =>
    known.has(place(lines, mutant))
  const told = (/** @type {import('@stryker-mutator/api/core').MutantResult} */ mutant) =>
    `${file}:${mutant.location.start.line} ${mutant.status}\t${place(lines, mutant)}`
  const survivors = alive.filter((mutant) => !isEquivalent(mutant)).map(told)
  const timedOut = counted.filter(({ status }) => status === 'Timeout').map(told)
  const equivalent = alive.length - survivors.length
  const killed = counted.length - alive.length
  const relevant = counted.length - equivalent
  const score = relevant === 0 ? 100 : Math.floor((1000 * killed) / relevant) / 10
  return { file, mutants: counted.length, killed, equivalent, survivors, timedOut, score }
}
