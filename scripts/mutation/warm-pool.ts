import { Worker } from 'node:worker_threads'
import { type PoolOptions, type PoolWorker, ThreadsPoolWorker } from 'vitest/node'

type Message = Parameters<PoolWorker['send']>[0]
type Listener = (value: unknown) => void

/** Each run leaves listeners behind in the thread. */
const RUNS_MAX = 100

let thread: { readonly worker: Worker; runs: number } | undefined

/**
 * A thread that is used again, so that what lies in `node_modules` is loaded once and not for each mutant. The sources are
 * loaded anew for each test file: that is what `isolate` does.
 */
class WarmWorker extends ThreadsPoolWorker {
  override readonly name = 'warm'
  readonly #listeners: [event: string, listener: Listener][] = []
  readonly #entry: string

  constructor(options: PoolOptions) {
    super(options)
    this.#entry = `${options.distPath}/workers/threads.js`
  }

  override async start(): Promise<void> {
    if (thread && thread.runs >= RUNS_MAX) {
      await thread.worker.terminate()
      thread = undefined
    }
    thread ??= { worker: new Worker(this.#entry, { execArgv: this.execArgv, env: this.env }), runs: 0 }
    thread.runs += 1
    thread.worker.setMaxListeners(0)
    thread.worker.unref()
  }

  override on(event: string, listener: Listener): void {
    this.#listeners.push([event, listener])
    thread?.worker.on(event, listener)
  }

  override off(event: string, listener: Listener): void {
    thread?.worker.off(event, listener)
  }

  override send(message: Message): void {
    // The thread has ended the run itself by then; a late word of it would end the next one.
    if ((message as { m?: unknown }).m === 'onCancel') return
    if (message.type !== 'stop') thread?.worker.postMessage(message)
    else thread?.worker.emit('message', { type: 'stopped', __vitest_worker_response__: true })
  }

  override async stop(): Promise<void> {
    for (const [event, listener] of this.#listeners) thread?.worker.off(event, listener)
  }
}

export const warmPool = { name: 'warm', createPoolWorker: (options: PoolOptions) => new WarmWorker(options) }
