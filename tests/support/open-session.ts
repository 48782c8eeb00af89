import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEngine, type Session } from '@assay/engine'
import { afterAll } from 'vitest'

/** A session for the tests of a file; it and its engine are closed after the last of them. */
export async function openSession(): Promise<Session> {
  const tempDirectory = mkdtempSync(join(tmpdir(), 'assay-session-'))
  const engine = await openEngine({ memoryLimit_bytes: 64 * 2 ** 20, threads: 1, tempDirectory })
  const session = await engine.session()
  afterAll(async () => {
    await session.close()
    await engine.close()
    rmSync(tempDirectory, { recursive: true, force: true })
  })
  return session
}
