import { spawn } from 'node:child_process'
import { systemClock } from './clock.js'

/** What leaving touches of a process; `process` is one. */
export interface LeavingHost {
  readonly pid: number
  exit(code: number): void
  kill(pid: number, signal: 'SIGKILL' | 'SIGINT' | 'SIGTERM' | 'SIGHUP'): unknown
}

/**
 * Stops what runs on threads that JavaScript does not own, takes on nothing else, and resolves when all stands still.
 * `gone` aborts where the process turns out to be there still, as one of a test is.
 */
type StandStill = (gone: AbortSignal) => Promise<void>

/** What the threads are given to stand still. */
const STAND_STILL_MS = 250
/** Time after which whatever is left of the process is killed. */
const EXIT_SECONDS = 0.5

const standStills = new Set<StandStill>()

/** Has a process that leaves stop these threads first. */
export function beforeLeaving(standStill: StandStill): void {
  standStills.add(standStill)
}

/**
 * Ends the process within a second, whatever it is at. `process.exit` alone waits for every thread that Node or the
 * engine has at work: one that waits in its turn for JavaScript, a name server or an unfinished pipe holds it for ever.
 * So threads are stopped first where that is possible, and a watchdog outside the process kills it when it lingers:
 * its parent then sees SIGKILL, 137 in a shell, in place of the code.
 */
export async function leave(code: number, host: LeavingHost = process): Promise<void> {
  if (!startWatchdog(host.pid)) host.kill(host.pid, 'SIGKILL')
  const gone = new AbortController()
  const stopped = Promise.allSettled([...standStills].map((standStill) => standStill(gone.signal)))
  await Promise.race([stopped, systemClock.sleep(STAND_STILL_MS)])
  host.exit(code)
  gone.abort()
}

/** Does nothing once its parent has gone: the number may be another's by then. */
const WATCHDOG = `sleep ${EXIT_SECONDS}
read -r _ _ _ parent _ </proc/self/stat
[ "\${parent:-$1}" = "$1" ] && kill -9 "$1"`

/** False when no process can be started any more. Detached, or a signal to the whole group would end it. */
function startWatchdog(pid: number): boolean {
  // To kill, a number below 2 is no process but all of them: a stand-in for one in a test has such a number.
  if (process.platform === 'win32' || pid < 2) return true
  try {
    const watchdog = spawn('/bin/sh', ['-c', WATCHDOG, 'sh', String(pid)], { detached: true, stdio: 'ignore' })
    watchdog.on('error', () => undefined)
    watchdog.unref()
    return watchdog.pid !== undefined
  } catch {
    return false
  }
}
