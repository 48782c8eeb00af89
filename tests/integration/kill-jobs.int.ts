import { it } from 'vitest'
import { everyWrite, killReplays, killRetentions } from '../support/kill-jobs.js'

it('T11 D1: a replay killed at each of its writes', () => killReplays(everyWrite), 600_000)

it('D5: a retention killed at each of its writes', () => killRetentions(everyWrite), 600_000)
