import { median } from './measure.mjs'

/** Of a machine rather than of the program, or counted only to explain others. */
const UNPRINTED = new Set([
  'tables',
  'commits',
  'commitsOfAllLayers',
  'files',
  'threads',
  'memoryBefore_mib',
  'failures',
])

/** All numbers of a result as [path, number]; what is below `UNPRINTED` names is left out. */
export function figuresOf(result, path = []) {
  if (typeof result === 'number') return Number.isFinite(result) ? [[path.join(' › '), result]] : []
  if (typeof result !== 'object' || result === null) return []
  return Object.entries(result).flatMap(([name, value]) => {
    return UNPRINTED.has(name) ? [] : figuresOf(value, [...path, name])
  })
}

/** One result in which every number is the median of the results' own. */
export function medianOf(results) {
  const [first] = results
  if (typeof first === 'number') return median(results)
  if (typeof first !== 'object' || first === null || Array.isArray(first)) return first
  const own = (name) => results.map((result) => result?.[name]).filter((value) => value !== undefined)
  return Object.fromEntries(Object.keys(first).map((name) => [name, medianOf(own(name))]))
}
