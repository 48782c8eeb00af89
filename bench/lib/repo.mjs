// Preloaded by every process that measures: packages come from the repository that BENCH_REPO names, or from this one.
import { register } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const repo = process.env.BENCH_REPO
if (repo !== undefined) {
  const parentURL = pathToFileURL(join(repo, 'package.json')).href
  register(new URL('./resolve-packages.mjs', import.meta.url), { data: { parentURL } })
}
