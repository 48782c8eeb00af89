import { EventEmitter } from 'node:events'
import { describe, expect, test, vi } from 'vitest'
import { type Clock, type SignalHost, STOP_SIGNALS, stopOnSignals } from '../src/index.js'

class FakeProcess extends EventEmitter implements SignalHost {
  readonly pid = -1
  readonly exits: number[] = []
  readonly kills: string[] = []

  exit(code: number): void {
    this.exits.push(code)
  }

  kill(pid: number, signal: string): void {
    expect([pid, this.listenerCount(signal)]).toEqual([this.pid, 0])
    this.kills.push(signal)
  }
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

/** Long enough for timers that are due now. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 20))
const listening = (host: FakeProcess) => STOP_SIGNALS.map((name) => host.listenerCount(name))

/** A busy machine may take its time. */
const PATIENCE = { timeout: 30_000 }

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
      expect(host.kills).toEqual([second])
    }
  })

  test.each([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('what the system does not end by a second %s exits with %i', async (name, code) => {
    const host = new FakeProcess()
    stopOnSignals(host, new HandClock())
    const first = name === 'SIGINT' ? 'SIGTERM' : 'SIGINT'
    host.emit(first, first)
    host.emit(name, name)
    await vi.waitFor(() => expect(host.exits).toEqual([code]), PATIENCE)
  })

  test('a tenth of a second after the first, the next is left to the system', async () => {
    const [host, clock] = [new FakeProcess(), new HandClock()]
    const stop = stopOnSignals(host, clock)
    expect(listening(host)).toEqual([1, 1, 1])
    host.emit('SIGINT', 'SIGINT')
    clock.move(99)
    await settled()
    expect(listening(host)).toEqual([1, 1, 1])
    clock.move(1)
    await settled()
    expect(listening(host)).toEqual([0, 0, 0])
    await stop.exit(0)
    expect([host.exits, host.kills]).toEqual([[0], []])
  })

  test('the first process of a container goes on listening: the system would not end it', async () => {
    const [host, clock] = [Object.assign(new FakeProcess(), { pid: 1 }), new HandClock()]
    stopOnSignals(host, clock)
    host.emit('SIGINT', 'SIGINT')
    clock.move(100)
    await settled()
    expect(listening(host)).toEqual([1, 1, 1])
  })

  test('the same signal again within a tenth of a second leaves the orderly end a little time', async () => {
    const [host, clock] = [new FakeProcess(), new HandClock()]
    stopOnSignals(host, clock)
    host.emit('SIGINT', 'SIGINT')
    clock.move(50)
    host.emit('SIGINT', 'SIGINT')
    clock.move(100)
    await settled()
    expect(host.kills).toEqual([])
    clock.move(200)
    await vi.waitFor(() => expect(host.kills).toEqual(['SIGINT']), PATIENCE)
  })

  test('a third one of the same does not wait for that', () => {
    const [host, clock] = [new FakeProcess(), new HandClock()]
    stopOnSignals(host, clock)
    for (let i = 0; i < 3; i += 1) host.emit('SIGINT', 'SIGINT')
    expect(host.kills).toEqual(['SIGINT'])
  })

  test('the same signal again, heard later, ends the process at once', () => {
    const [host, clock] = [new FakeProcess(), new HandClock()]
    stopOnSignals(host, clock)
    host.emit('SIGINT', 'SIGINT')
    clock.move(100)
    host.emit('SIGINT', 'SIGINT')
    expect(host.kills).toEqual(['SIGINT'])
  })

  test('what ended in order keeps its exit code; from then on nobody listens', async () => {
    const [host, clock] = [new FakeProcess(), new HandClock()]
    const stop = stopOnSignals(host, clock)
    host.emit('SIGINT', 'SIGINT')
    host.emit('SIGINT', 'SIGINT')
    await stop.exit(0)
    clock.move(1_000)
    await settled()
    expect([host.exits, host.kills]).toEqual([[0], []])
    expect(listening(host)).toEqual([0, 0, 0])
  })

  test('an end that comes after the second signal does not change the exit code', async () => {
    const host = new FakeProcess()
    const stop = stopOnSignals(host, new HandClock())
    host.emit('SIGTERM', 'SIGTERM')
    host.emit('SIGINT', 'SIGINT')
    await stop.exit(0)
    await vi.waitFor(() => expect(host.exits).toEqual([130]), PATIENCE)
    await settled()
    expect(host.exits).toEqual([130])
  })

  test('while the program is still loaded, the first signal ends it at once', async () => {
    const host = new FakeProcess()
    const stop = stopOnSignals(host, new HandClock())
    let load = (): void => undefined
    const loaded = stop.whileLoading(new Promise<void>((resolve) => (load = resolve)), 7)
    host.emit('SIGTERM', 'SIGTERM')
    expect(host.exits).toEqual([7])
    load()
    await loaded
  })

  test('once it is loaded, the first signal asks for an orderly end', async () => {
    const host = new FakeProcess()
    const stop = stopOnSignals(host, new HandClock())
    expect(await stop.whileLoading(Promise.resolve('loaded'), 7)).toBe('loaded')
    host.emit('SIGTERM', 'SIGTERM')
    expect([host.exits, stop.signal.aborted]).toEqual([[], true])
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
