import type { Mistake } from '../parse/mistake.js'
import type { ExitCode } from './exit-code.js'
import type { Io } from './io.js'

/** A command with all its options checked, ready to run. */
export type Job = (io: Io) => Promise<ExitCode>

/** Takes what the command line asks for: mistakes found in it, and what to do if there are none. */
export type Accept = (mistakes: readonly Mistake[], job: Job) => void
