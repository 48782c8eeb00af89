import { mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { AssayError, type Random } from '@assay/core'
import { errorCode } from './store-errors.js'

const OWN_FOLDER_ATTEMPTS_MAX = 1000
const LEFT_OVER_AFTER_MS = 24 * 60 * 60 * 1000

/**
 * Removes what crashed processes left in the scratch folder a day ago or earlier. `now_ms` is the file system's
 * own time (of a file just made), so that a wrong clock on this machine removes nothing.
 */
export async function removeLeftOvers(scratch: string, now_ms: number): Promise<void> {
  for (const entry of await readdir(scratch, { withFileTypes: true })) {
    const place = path.join(scratch, entry.name)
    try {
      const stats = await stat(place)
      if (entry.isDirectory()) await removeLeftOvers(place, now_ms)
      if (now_ms - stats.mtimeMs < LEFT_OVER_AFTER_MS) continue
      // Only an empty folder goes: a living process may keep younger files in an old one.
      if (entry.isDirectory()) await rmdir(place)
      else await rm(place, { force: true })
    } catch {
      // Another process cleans up too, or still uses it: nothing depends on it being gone.
    }
  }
}

/** Makes a folder in `scratch` that nobody else has. */
export async function makeOwnFolder(scratch: string, random: Random): Promise<string> {
  for (let attempt = 0; attempt < OWN_FOLDER_ATTEMPTS_MAX; attempt += 1) {
    const folder = path.join(scratch, random.uuid())
    try {
      await mkdir(folder)
      return folder
    } catch (error) {
      // Two processes with the same seed draw the same names.
      if (errorCode(error) !== 'EEXIST') throw error
    }
  }
  throw new AssayError('scratch_names_taken', `${OWN_FOLDER_ATTEMPTS_MAX} random names in ${scratch} were all taken`, {
    hint: 'give each process its own seed, and remove what is in the scratch folder while nothing runs',
  })
}
