import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { folders, openAt } from './file-logs.js'
import { numbered } from './records.js'

const PRODUCER = fileURLToPath(new URL('fixtures/producer.mjs', import.meta.url))
/** A namespace of processes of its own, as a container has. */
const CONTAINED = ['unshare', '--fork', '--pid', '--mount-proc', '--kill-child'] as const
const canContain = spawnSync(CONTAINED[0], [...CONTAINED.slice(1), 'true']).status === 0
if (!canContain) console.warn('skipped: this user may not make a namespace of processes (unshare --pid)')

const freshFolder = folders()

/** Resolves once the process has printed such a line. */
function printed({ stdout }: ChildProcess, line: RegExp): Promise<void> {
  let text = ''
  return new Promise((resolve, reject) => {
    stdout?.on('data', (chunk: Buffer) => {
      text += chunk
      if (line.test(text)) resolve()
    })
    stdout?.once('end', () => reject(new Error(`it ended after "${text}"`)))
  })
}

describe.skipIf(!canContain)('a lock that a process of another container holds', () => {
  it('is kept while that process lives, and broken when it was killed', async () => {
    const directory = await freshFolder()
    const log = await openAt(directory, { lock_wait_ms_max: 150 })
    await log.ensureTopic('t', 1)
    const [program, ...how] = CONTAINED
    const other = spawn(program, [...how, process.execPath, PRODUCER, directory, 't', 'far', '1', '0'])
    await printed(other, /^ready/)
    other.stdin.write('go\n')
    await printed(other, /^\d+ \d+ \d+$/m)
    const locks = path.join(directory, 't', 'locks')
    const own = (await readdir(locks)).find((name) => name.endsWith('.owner')) ?? ''
    const text = await readFile(path.join(locks, own), 'utf8')
    expect(JSON.parse(text)).toMatchObject({ lifeSign: expect.stringContaining('.alive') })

    // Frozen while it holds the lock, as a container is that waits for memory.
    process.kill(await inside(other.pid), 'SIGSTOP')
    await writeFile(path.join(locks, '0.lock'), text)
    expect(await log.produce('t', numbered('v', 1)).catch((error: unknown) => error)).toMatchObject({
      code: 'lane_locked',
      hint: expect.stringContaining('stuck or stopped'),
    })

    const ended = new Promise((resolve) => other.once('close', resolve))
    process.kill(await inside(other.pid), 'SIGKILL')
    await ended
    expect(await log.produce('t', numbered('v', 1))).toHaveLength(1)
    await log.close()
    const again = await openAt(directory)
    await again.produce('t', numbered('v', 1))
    await again.close()
    expect(await readdir(locks), 'what the dead left is swept').toEqual([])
  })
})

/** The process that `unshare` runs, by its number out here. */
async function inside(pid: number | undefined): Promise<number> {
  return Number((await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1')).trim())
}
