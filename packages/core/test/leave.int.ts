import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

describe.skipIf(process.platform === 'win32')('T28: A11: a process with', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'assay-leave-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  const listen = `
    import { stopOnSignals, systemClock } from '${fileURLToPath(new URL('../dist/index.js', import.meta.url))}'
    const stop = stopOnSignals(process, systemClock)`
  const start = async (program: string) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', `${listen}${program}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    return child
  }
  const endOf = async (child: ChildProcess) => {
    const [code, signal] = await once(child, 'exit')
    return signal ?? code
  }

  test('a thread that never ends is gone soon after the second signal', async () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    // Opening a pipe that nobody writes to holds a thread for ever.
    const child = await start(`
      import { open } from 'node:fs/promises'
      void open('${pipe}')
      setInterval(() => undefined, 1_000)
      setTimeout(() => console.log('waiting'), 50)`)
    child.kill('SIGTERM')
    child.kill('SIGINT')
    expect(await endOf(child)).toMatch(/^SIG(INT|TERM)$/)
  }, 20_000)

  test('a thread that never ends is gone soon after an end in order, too', async () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    // `process.exit` waits for the thread.
    const child = await start(`
      import { open } from 'node:fs/promises'
      void open('${pipe}')
      stop.onFirst(() => void stop.exit(0))
      setInterval(() => undefined, 1_000)
      setTimeout(() => console.log('waiting'), 50)`)
    child.kill('SIGTERM')
    expect(await endOf(child)).toBe('SIGKILL')
  }, 20_000)

  test('a call that blocks JavaScript for ever is gone at the second signal', async () => {
    const child = await start(`
      stop.onFirst(() => setTimeout(() => {
        console.log('blocking')
        for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000)
      }, 300))
      setInterval(() => undefined, 1_000)
      console.log('waiting')`)
    child.kill('SIGTERM')
    await once(child.stdout, 'data')
    child.kill('SIGHUP')
    expect(await endOf(child)).toBe('SIGHUP')
  }, 20_000)

  test('two signals that come while JavaScript is busy is gone once it is heard', async () => {
    const child = await start(`
      setTimeout(() => {
        console.log('busy')
        for (const until = Date.now() + 500; Date.now() < until; );
      }, 20)
      setInterval(() => undefined, 1_000)`)
    child.kill('SIGTERM')
    child.kill('SIGINT')
    expect(await endOf(child)).toMatch(/^SIG(INT|TERM)$/)
  }, 20_000)
})
