// Runs after `npm ci`: builds the packages. An install without development dependencies has no compiler; it brings its
// build along.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'

try {
  createRequire(import.meta.url).resolve('typescript/package.json')
} catch {
  process.stderr.write('prepare: no compiler here, so nothing is built (see scripts/production-files.mjs)\n')
  process.exit(0)
}
process.exit(spawnSync('npx', ['tsc', '-b'], { stdio: 'inherit' }).status ?? 1)
