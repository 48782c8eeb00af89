import { readFile, stat, statfs } from 'node:fs/promises'
import { totalmem } from 'node:os'
import path from 'node:path'
import { openEngine, withSession } from '@assay/engine'
import { type Finding, ok } from '../judge/finding.js'
import { type DiskFacts, judgeDisk, judgeMemory, judgeNode, judgeOpenFiles } from '../judge/machine.js'

const ENGINE_BYTES = 64 * 2 ** 20

export async function lookAtNode(): Promise<Finding[]> {
  return [judgeNode(process.versions.node)]
}

/** Runs a statement. */
export async function lookAtEngine(tempDirectory: string): Promise<Finding[]> {
  const engine = await openEngine({ memoryLimit_bytes: ENGINE_BYTES, threads: 1, tempDirectory })
  try {
    const [row] = await withSession(engine, (session) => session.rows('SELECT version() AS version'))
    return [ok('engine', `DuckDB ${row?.version}`)]
  } finally {
    await engine.close()
  }
}

export async function lookAtMemory(engine_bytes: number): Promise<Finding[]> {
  // 0 or a number beyond all memory where there is no such limit.
  const limit = process.constrainedMemory()
  const all = totalmem()
  return [judgeMemory({ limit_bytes: limit > 0 && limit < all ? limit : all, engine_bytes })]
}

export async function lookAtOpenFiles(): Promise<Finding[]> {
  const limits = await readFile('/proc/self/limits', 'latin1').catch(() => '')
  const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? []
  return [judgeOpenFiles(soft === undefined ? undefined : Number(soft))]
}

/** Places whose disks are looked at: what lies there, and where. Those on one disk make one finding. */
export async function lookAtDisks(places: Readonly<Record<string, string>>): Promise<Finding[]> {
  const disks = new Map<number, DiskFacts>()
  for (const [what, place] of Object.entries(places)) {
    const there = await nearest(path.resolve(place))
    const { dev } = await stat(there)
    const known = disks.get(dev)
    const { bsize, blocks, bavail, files, ffree } = await statfs(there)
    const sizes = { size_bytes: blocks * bsize, free_bytes: bavail * bsize }
    const freeFiles = files === 0 ? undefined : ffree
    disks.set(dev, { holds: [...(known?.holds ?? []), what], path: known?.path ?? there, ...sizes, freeFiles })
  }
  return [...disks.values()].map(judgeDisk)
}

/** The place, or the first folder above it that is there. */
async function nearest(place: string): Promise<string> {
  try {
    await stat(place)
    return place
  } catch (error) {
    if (path.dirname(place) === place) throw error
    return nearest(path.dirname(place))
  }
}
