import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom, systemClock, systemRandom } from '@assay/core'
import { embeddedParts, type Lake, openLake } from '@assay/lake'
import { onTestFinished } from 'vitest'

/** A folder that goes when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'assay-lake-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The lake of a folder, closed when the test ends. */
export async function diskLake(directory: string, seed?: number): Promise<Lake> {
  const random = seed === undefined ? systemRandom : seededRandom(seed)
  const lake = await openLake({ parts: embeddedParts(directory), clock: systemClock, random, threads: 1 })
  onTestFinished(() => lake.close())
  return lake
}

/** Copies a folder of a lake, also of one that is in use: Node copies no sockets, by which living processes are known. */
export function copyFolder(from: string, to: string): void {
  cpSync(from, to, { recursive: true, filter: (file) => !file.endsWith('.alive') })
}
