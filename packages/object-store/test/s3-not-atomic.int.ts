import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { installOnce, run } from '../../../scripts/real-parts-lib/cache.mjs'
import { hasMaven, javaOf } from '../../../scripts/real-parts-lib/machine.mjs'

const VERSION = '4.7.0'
// It listens on every interface, so it runs in a network of its own, together with the store under test.
const SCRIPT = `
ip link set lo up
"$1" -Xmx256m -jar "$2" >/dev/null 2>&1 &
server=$!
"$3" "$4" http://127.0.0.1:9090 "$5" 3
kill $server`

function lacks(): string | undefined {
  if (!hasMaven()) return 'Maven'
  if (spawnSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up']).status !== 0)
    return 'unshare -n (needs root on Linux) and ip'
  return undefined
}

const missing = lacks()
if (missing) process.stderr.write(`SKIPPED: the probe is NOT tested against Adobe S3Mock here: ${missing} is missing\n`)

/** On a busy machine the server may come to answer one put after the other for as long as a probe lasts. */
const AGAIN = { retry: 2 }

it.skipIf(missing)(
  'A2: the probe refuses a real server that lets several writers win (Adobe S3Mock)',
  AGAIN,
  async () => {
    const artifact = `com.adobe.testing:s3mock:${VERSION}:jar:exec`
    const folder = await installOnce(`s3mock-${VERSION}`, (into) =>
      run('mvn', ['-q', '-B', 'dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${into}`]),
    )
    const cacheDirectory = await mkdtemp(path.join(tmpdir(), 'assay-s3mock-'))
    try {
      const jar = path.join(folder, `s3mock-${VERSION}-exec.jar`)
      const opener = fileURLToPath(new URL('./fixtures/open-s3.mjs', import.meta.url))
      const args = ['-n', 'sh', '-c', SCRIPT, 'sh', javaOf(17), jar, process.execPath, opener, cacheDirectory]
      const env = { ...process.env, AWS_ACCESS_KEY_ID: 'anybody', AWS_SECRET_ACCESS_KEY: 'anything' }
      const { stdout } = await promisify(execFile)('unshare', args, { env, timeout: 240_000 })
      expect(JSON.parse(stdout)).toEqual(['store_not_atomic', 'store_not_atomic', 'store_not_atomic'])
    } finally {
      await rm(cacheDirectory, { recursive: true, force: true })
    }
  },
)
