import { it } from 'vitest'
import { killReplays, killRetentions, sampleOf } from '../support/kill-jobs.js'

/** Every third write; `KILL_ONE_IN=1` takes all. */
const CHOSEN = sampleOf(Number(process.env.KILL_ONE_IN ?? 3))

it(
  'T11 D1: a replay killed at its writes, then run again: each row once, each dead letter resolved once',
  () => killReplays(CHOSEN),
  600_000,
)

it(
  'D5: a retention killed at its writes: each dead letter is in one place at least, and in one when it is run again',
  () => killRetentions(CHOSEN),
  600_000,
)
