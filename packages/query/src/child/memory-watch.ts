import { Worker } from 'node:worker_threads'

const LOOK_MS = 25

/**
 * Kills the process once it holds more than `limit_bytes`: for systems that don't bound the memory of a process
 * (macOS, Windows). A thread of its own, since the main one may be at work when it matters.
 */
export function watchMemory(limit_bytes: number): void {
  const watch = `
    const { workerData } = require('node:worker_threads')
    setInterval(() => {
      if (process.memoryUsage.rss() > workerData.limit_bytes) process.kill(process.pid, 'SIGKILL')
    }, workerData.look_ms)`
  new Worker(watch, { eval: true, workerData: { limit_bytes, look_ms: LOOK_MS } }).unref()
}
