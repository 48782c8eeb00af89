import { type FileHandle, open } from 'node:fs/promises'
import { AssayError } from '@assay/core'
import type { PlannedFile } from '@assay/iceberg'
import { checkPageChecksums, type PageChecksums } from '@assay/parquet'
import { type CheckList, Findings } from '../../check.js'
import type { PinnedScan } from '../../pinned/pinned-scan.js'

/**
 * The pages of every live data file are as they were written, by their own checksums: a value that a disk has changed
 * may look like any other. Ends early on abort.
 */
export async function checkChecksums(scan: PinnedScan, checks: CheckList, signal: AbortSignal): Promise<void> {
  const { table } = scan
  if (!table) return
  const findings = new Findings()
  let [pages, checked] = [0, 0]
  for (const planned of await scan.plan()) {
    if (signal.aborted) return
    const { path } = await table.scanFile(planned)
    const found = await checksumsOf(path, planned)
    pages += found.pages
    checked += found.checked
    findings.add(...found.damaged.map((what) => `${planned.key}: ${what}`))
  }
  checks.done(
    { promise: 'files', subject: scan.name, claim: 'the pages of its data files are as they were written' },
    { pages, pages_with_checksum: checked },
    findings,
  )
}

async function checksumsOf(path: string, { file, key }: PlannedFile): Promise<PageChecksums> {
  let handle: FileHandle | undefined
  try {
    const opened = await open(path, 'r')
    handle = opened
    return await checkPageChecksums((from, length) => bytesOf(opened, from, length), file.size_bytes)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new AssayError('object_missing', `there is no object ${key}`, {
        hint: 'verify again: a clean-up may have removed it',
        cause: error,
      })
    }
    return { pages: 0, checked: 0, damaged: [`it cannot be read: ${(error as Error).message}`] }
  } finally {
    await handle?.close()
  }
}

async function bytesOf(handle: FileHandle, from: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  while (at < length) {
    const { bytesRead } = await handle.read(bytes, at, length - at, from + at)
    if (bytesRead === 0) throw new RangeError(`it ends ${length - at} bytes early`)
    at += bytesRead
  }
  return bytes
}
