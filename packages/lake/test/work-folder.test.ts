import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemRandom } from '@assay/core'
import { expect, it, onTestFinished } from 'vitest'
import { openParts } from '../src/open-parts.js'
import { embeddedParts } from '../src/settings/lake-parts.js'

const READ = { clock: systemClock, random: systemRandom, access: 'read' as const }

function folders(): { readonly lake: string; readonly work: string } {
  const folder = mkdtempSync(join(tmpdir(), 'work-folder-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const lake = join(folder, 'lake')
  mkdirSync(lake)
  return { lake, work: join(folder, 'not', 'there') }
}

it('D4: who only reads makes the work folder where it is missing, and leaves nothing in it', async () => {
  const { lake, work } = folders()
  const parts = await openParts({ ...embeddedParts(lake), workDirectory: work }, READ)
  expect(parts.workDirectory.startsWith(join(work, 'assay-read-'))).toBe(true)
  await parts.removeScratch()
  expect([readdirSync(work), readdirSync(lake)]).toEqual([[], []])
})

it('a work folder that can not be made is told with the name of its setting', async () => {
  const { lake } = folders()
  const work = join(lake, 'file')
  writeFileSync(work, '')
  await expect(openParts({ ...embeddedParts(lake), workDirectory: work }, READ)).rejects.toMatchObject({
    code: 'work_folder_unusable',
    message: expect.stringContaining(work),
    hint: expect.stringContaining('ASSAY_WORK_DIR'),
  })
})
