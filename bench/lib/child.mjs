import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PRELOADED = new URL('./repo.mjs', import.meta.url).href

/**
 * Starts one of `bench/children` with options, on the packages of `repo` or, without, of the repository that this process
 * has its own from. `next` gives what the child sends, message by message; `done` its last message, once it has ended well.
 * @param {string} name
 * @param {object} options
 * @param {string} [repo]
 */
export function startChild(name, options, repo) {
  const script = fileURLToPath(new URL(`../children/${name}.mjs`, import.meta.url))
  const child = fork(script, [JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--import', PRELOADED],
    env: { ...process.env, ...(repo !== undefined && { BENCH_REPO: repo }) },
  })
  const messages = []
  let wake = () => {}
  child.on('message', (message) => {
    messages.push(message)
    wake()
  })
  /** @type {Promise<void>} */
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      wake()
      if (code === 0) resolve()
      else reject(new Error(`${name} ended with ${signal ?? code}`))
    })
  })
  ended.catch(() => undefined)
  return {
    send: (message) => child.send(message),
    /** Resolves to the first message that is not taken yet. */
    async next() {
      while (messages.length === 0) {
        if (child.exitCode !== null || child.signalCode !== null) await ended
        if (messages.length > 0) break
        /** @type {Promise<void>} */
        const told = new Promise((resolve) => {
          wake = resolve
        })
        await Promise.race([ended, told])
      }
      return messages.shift()
    },
    async done() {
      await ended
      return messages.at(-1)
    },
    kill: () => child.kill('SIGKILL'),
  }
}

/**
 * Runs a child to its end and gives its last message.
 * @param {string} name
 * @param {object} options
 * @param {string} [repo]
 */
export function runChild(name, options, repo) {
  return startChild(name, options, repo).done()
}

/** The options that a child was started with. From here on it ends when its parent does. */
export function childOptions() {
  process.on('disconnect', endOrphaned)
  return JSON.parse(process.argv[2] ?? '{}')
}

/**
 * Sends a message to the parent; resolves when it is on its way.
 * @returns {Promise<void>}
 */
export function tellParent(message) {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, {}, (error) => (error ? reject(error) : resolve()))
  })
}

/** Closes the channel, which would keep the child alive. */
export function leaveParent() {
  process.off('disconnect', endOrphaned)
  process.disconnect()
}

function endOrphaned() {
  process.exit(1)
}
