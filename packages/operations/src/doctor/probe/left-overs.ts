import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { leftReadFolders } from '@assay/lake'
import type { Finding } from '../judge/finding.js'
import { judgeLeftOvers } from '../judge/left-overs.js'

/** Looks in these folders for what killed commands have left. */
export async function lookAtLeftOvers(places: readonly string[], now_ms: number): Promise<Finding[]> {
  const folders = (await Promise.all(places.map((place) => leftReadFolders(place, now_ms)))).flat()
  return [
    judgeLeftOvers(
      await Promise.all(folders.map(async (folder) => ({ path: folder, size_bytes: await sizeOf(folder) }))),
    ),
  ]
}

async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  // What goes meanwhile takes no space.
  const sizes = names.map((name) =>
    stat(path.join(folder, name)).then(
      (stats) => stats.size,
      () => 0,
    ),
  )
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
