import { execFileSync, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Clock, type SignalHost, STOP_SIGNALS, stopOnSignals } from '../src/index.js'

class FakeProcess extends EventEmitter implements SignalHost {
  readonly pid = -1
  readonly exits: number[] = []

  exit(code: number): void {
    this.exits.push(code)
  }

  kill(): void {}
}

/** Time stands still until it is moved; sleeps end when it has come so far. */
class HandClock implements Clock {
  #now_ms = 0
  readonly #sleeps: { readonly until_ms: number; readonly wake: () => void }[] = []

  now_ms(): number {
    return this.#now_ms
  }

  monotonic_ms(): number {
    return this.#now_ms
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((wake) => {
      signal?.addEventListener('abort', () => wake())
      this.#sleeps.push({ until_ms: this.#now_ms + ms, wake })
    })
  }

  move(ms: number): void {
    this.#now_ms += ms
    for (const { until_ms, wake } of this.#sleeps) if (until_ms <= this.#now_ms) wake()
  }
}

/** Long enough for what is due now. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 20))

describe('A11: signals', () => {
  test.each(STOP_SIGNALS)('the first %s asks for an orderly end, another one ends the process', async (name) => {
    for (const second of STOP_SIGNALS.filter((other) => other !== name)) {
      const host = new FakeProcess()
      const stop = stopOnSignals(host, new HandClock())
      expect([stop.signal.aborted, stop.by]).toEqual([false, undefined])
      host.emit(name, name)
      expect([stop.signal.aborted, stop.by]).toEqual([true, name])
      expect(host.exits).toEqual([])
      host.emit(second, second)
      await vi.waitFor(() => expect(host.exits).toEqual([130]))
    }
  })

  test('the same signal again within a tenth of a second leaves the orderly end a little time', async () => {
    const [host, clock] = [new FakeProcess(), new HandClock()]
    stopOnSignals(host, clock)
    host.emit('SIGINT', 'SIGINT')
    clock.move(50)
    host.emit('SIGINT', 'SIGINT')
    clock.move(100)
    await settled()
    expect(host.exits).toEqual([])
    clock.move(200)
    await vi.waitFor(() => expect(host.exits).toEqual([130]))
  })

  test('the same signal again later ends the process at once', async () => {
    const [host, clock] = [new FakeProcess(), new HandClock()]
    stopOnSignals(host, clock)
    host.emit('SIGINT', 'SIGINT')
    clock.move(100)
    host.emit('SIGINT', 'SIGINT')
    await vi.waitFor(() => expect(host.exits).toEqual([130]))
  })

  test('what ended in order keeps its exit code; from then on nobody listens', async () => {
    const [host, clock] = [new FakeProcess(), new HandClock()]
    const stop = stopOnSignals(host, clock)
    host.emit('SIGINT', 'SIGINT')
    host.emit('SIGINT', 'SIGINT')
    await stop.exit(0)
    clock.move(1_000)
    await settled()
    expect(host.exits).toEqual([0])
    expect(STOP_SIGNALS.map((name) => host.listenerCount(name))).toEqual([0, 0, 0])
  })

  test('an end that comes after the second signal does not change the exit code', async () => {
    const host = new FakeProcess()
    const stop = stopOnSignals(host, new HandClock())
    host.emit('SIGTERM', 'SIGTERM')
    host.emit('SIGINT', 'SIGINT')
    await stop.exit(0)
    await vi.waitFor(() => expect(host.exits).toEqual([130]))
    await settled()
    expect(host.exits).toEqual([130])
  })

  test('who asks later is told of a signal that has come', () => {
    const host = new FakeProcess()
    const stop = stopOnSignals(host, new HandClock())
    const told: string[] = []
    stop.onFirst((name) => told.push(name))
    host.emit('SIGHUP', 'SIGHUP')
    stop.onFirst((name) => told.push(name))
    expect(told).toEqual(['SIGHUP', 'SIGHUP'])
  })

  test('an output without a reader asks for an orderly end', () => {
    const output = new EventEmitter()
    const stop = stopOnSignals(new FakeProcess(), new HandClock())
    stop.stopWithReader(output)
    output.emit('error', new Error('EPIPE'))
    expect([stop.signal.aborted, stop.by]).toEqual([true, undefined])
  })
})

describe.skipIf(process.platform === 'win32')('T28: A11: a process with a thread that never ends', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'assay-leave-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  /** Opening a pipe that nobody writes to holds a thread for ever, and `process.exit` waits for it. */
  const program = (pipe: string) => `
    import { open } from 'node:fs/promises'
    import { stopOnSignals, systemClock } from '${fileURLToPath(new URL('../dist/index.js', import.meta.url))}'
    stopOnSignals(process, systemClock)
    void open('${pipe}')
    setInterval(() => undefined, 1_000)
    setTimeout(() => console.log('waiting'), 50)`

  test('is gone soon after the second signal', async () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const child = spawn(process.execPath, ['--input-type=module', '-e', program(pipe)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    child.kill('SIGTERM')
    child.kill('SIGINT')
    const [code, signal] = await once(child, 'exit')
    expect(signal ?? code).toBe('SIGKILL')
  }, 20_000)
})
