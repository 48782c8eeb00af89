import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
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

it('D4: what killed processes left of their work folders goes, and of no others', async () => {
  const { lake, work } = folders()
  const living = await openParts({ ...embeddedParts(lake), workDirectory: work }, READ)
  const owner = JSON.parse(readFileSync(join(living.workDirectory, 'owner.json'), 'utf8'))
  const make = (name: string, text?: string): string => {
    const folder = join(work, `assay-read-${name}`)
    mkdirSync(join(folder, 'spilled'), { recursive: true, mode: 0o700 })
    if (text !== undefined) writeFileSync(join(folder, 'owner.json'), text)
    return folder
  }
  const ended = spawnSync(process.execPath, ['--version']).pid
  make('killed', JSON.stringify({ ...owner, pid: ended, nonce: 'killed' }))
  const before = Date.now() / 1_000 - 90_000
  utimesSync(make('earlier-version'), before, before)
  make('earlier-version-at-work')
  make('elsewhere', JSON.stringify({ ...owner, pid: ended, nonce: 'x', host: 'other pid:[1]', lifeSign: 'x.alive' }))
  chmodSync(make('others-may-write', JSON.stringify({ ...owner, pid: ended })), 0o777)

  const next = await openParts({ ...embeddedParts(lake), workDirectory: work }, READ)
  await next.removeScratch()
  const left = ['earlier-version-at-work', 'elsewhere', 'others-may-write'].map((name) => `assay-read-${name}`)
  const own = living.workDirectory.slice(work.length + 1)
  expect(readdirSync(work).sort()).toEqual([...left, own].sort())
  await living.removeScratch()
})
