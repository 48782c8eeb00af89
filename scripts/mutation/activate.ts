import { inject } from 'vitest'

/**
 * Makes a mutant active before the sources are loaded. By itself the test runner does so after it wherever tests are named,
 * and code that runs as a file is loaded would be tested unchanged.
 */
const mutant = (inject as (key: string) => unknown)('activeMutant')
const globals = globalThis as { __stryker__?: { activeMutant?: unknown } }
globals.__stryker__ ??= {}
globals.__stryker__.activeMutant = mutant
