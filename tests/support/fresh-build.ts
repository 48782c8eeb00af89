import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Processes that tests start run what is built, while the tests themselves run the source: where a source is younger
 * than its build, it is built first, so that both are the same.
 */
export default function build(): void {
  const folders = ['packages', 'services'].flatMap((group) =>
    readdirSync(join(ROOT, group)).map((name) => join(ROOT, group, name)),
  )
  if (!folders.every(isBuilt)) execFileSync('npx', ['tsc', '-b'], { cwd: ROOT, stdio: 'inherit' })
}

function isBuilt(folder: string): boolean {
  const source = join(folder, 'src')
  if (!existsSync(source)) return true
  const built = statSync(join(folder, 'dist', '.tsbuildinfo'), { throwIfNoEntry: false })
  if (!built) return false
  const names = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  return names.every((name) => statSync(join(source, name)).mtimeMs <= built.mtimeMs)
}
