// @ts-check
import { spawn } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, open, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const LOCK_WAIT_MS = 30 * 60_000
const COMMAND_MS = 25 * 60_000
const OUTPUT_CHARS_MAX = 4_000

/** Where installed parts are kept, each in a folder named after it and its version. */
export function cacheFolder() {
  return process.env.REAL_PARTS_CACHE || path.join(homedir(), '.cache', 'assay-real-parts')
}

/**
 * Folder of the cache that `build` has filled. It is filled elsewhere and renamed when whole, so a folder that is there
 * is complete; two installs at once build it once.
 * @param {string} name part and version
 * @param {(folder: string) => Promise<unknown>} build
 * @returns {Promise<string>}
 */
export async function installOnce(name, build) {
  const folder = path.join(cacheFolder(), name)
  if (existsSync(folder)) return folder
  await mkdir(cacheFolder(), { recursive: true })
  return withLock(`${folder}.lock`, async () => {
    if (existsSync(folder)) return folder
    console.error(`installing ${name} …`)
    const temporary = await mkdtemp(`${folder}.partial-`)
    await cleaningUp(temporary, async () => {
      await build(temporary)
      await rename(temporary, folder)
    })
    return folder
  })
}

/**
 * Runs `work` while this process alone holds the lock file. The lock of a process that has ended is taken over.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, work) {
  const giveUpAt_ms = performance.now() + LOCK_WAIT_MS
  while (!(await takeLock(file))) {
    if (performance.now() > giveUpAt_ms)
      throw new Error(`${file} is still held by another process; remove it if none runs`)
    await sleep(200)
  }
  return cleaningUp(file, work)
}

/**
 * Deletes a file or folder when the work or this process ends.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function cleaningUp(file, work) {
  const cleanUp = () => rmSync(file, { recursive: true, force: true })
  process.once('exit', cleanUp)
  try {
    return await work()
  } finally {
    process.off('exit', cleanUp)
    cleanUp()
  }
}

/** @param {string} file */
async function takeLock(file) {
  try {
    const handle = await open(file, 'wx')
    await handle.writeFile(String(process.pid))
    await handle.close()
    return true
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error
  }
  const holder = Number(await readFile(file, 'utf8').catch(() => ''))
  if (holder > 0 && !isAlive(holder)) await rm(file, { force: true })
  return false
}

/**
 * Says whether a process is there.
 * @param {number} pid
 */
export function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
  }
}

/**
 * Runs a command to its end; an error tells the end of what it printed.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Readonly<Record<string, string>> }} [options]
 * @returns {Promise<void>}
 */
export function run(command, args, { cwd, env } = {}) {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: COMMAND_MS,
    env: { ...process.env, ...env },
    ...(cwd !== undefined && { cwd }),
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-OUTPUT_CHARS_MAX)
    })
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(`${command} ${args[0]} failed (${signal ?? code}):\n${output.trim()}`))
    })
  })
}
