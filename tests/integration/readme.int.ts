import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasPython, pythonWith, READER_PACKAGES } from '../../packages/iceberg/test/python-readers.js'
import { needs } from '../real-parts/real-parts.js'
import { blocksOf, exchangesIn } from '../support/pages.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
/** What a fresh clone does not have. */
const NOT_CLONED = /^(\.git|\.real-parts|\.env|lake)$|(^|\/)(node_modules|dist|[^/]*\.tsbuildinfo)$/
const LIMIT_MS = 300_000
/** Gold has the 4,001 recorded trades before the simulated ones begin. */
const RECORDED = 4_001

interface Typed {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
}

interface Typing {
  readonly ended: Promise<Typed>
  readonly shown: () => string
  /** Ctrl-C, as a terminal sends it: to the whole group. */
  interrupt(): void
}

const blocks = blocksOf('README.md')
const blockWith = (pattern: RegExp): string =>
  blocks.find(({ language, text }) => language === 'sh' && pattern.test(text))?.text ?? ''
const start = blockWith(/npm start/)
const onServers = blockWith(/scripts\/real-parts up/)
const consoles = blocks.filter(({ language }) => language === 'console').flatMap(({ text }) => exchangesIn(text))
const hasServers = await needs('kafka', 's3', 'registry')

describe.skipIf(!hasPython())('what README.md says, typed in a fresh copy', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'assay-readme-'))
  const copy = path.join(folder, 'assay')
  let pythonFolder: string

  const type = (text: string): Typing => {
    const { ASSAY_LAKE: _, ...env } = process.env
    const child = spawn('bash', ['-c', text], {
      cwd: copy,
      env: { ...env, PATH: `${pythonFolder}:${process.env.PATH}` },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      timeout: LIMIT_MS,
    })
    const out = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => {
        out[name] += chunk.toString()
      })
    }
    return {
      ended: new Promise((resolve) => child.on('close', (code) => resolve({ ...out, code }))),
      shown: () => out.stdout + out.stderr,
      interrupt: () => process.kill(-(child.pid as number), 'SIGINT'),
    }
  }

  beforeAll(async () => {
    pythonFolder = path.dirname(await pythonWith(READER_PACKAGES))
    cpSync(root, copy, { recursive: true, filter: (source) => !NOT_CLONED.test(path.relative(root, source)) })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

  it('installs, runs the pipeline, and ends on Ctrl-C with nothing half done', async () => {
    const typing = type(start)
    const deadline = performance.now() + LIMIT_MS
    let isOver = false
    void typing.ended.then(() => {
      isOver = true
    })
    const inGold = () =>
      Math.max(
        0,
        ...[...typing.shown().matchAll(/^gold +([\d,]+) rows/gm)].map(([, n]) => Number(n?.replaceAll(',', ''))),
      )
    while (inGold() < RECORDED + 500) {
      if (isOver || performance.now() > deadline) throw new Error(`gold has ${inGold()} rows: ${typing.shown()}`)
      await sleep(200)
    }
    for (const layer of ['bronze', 'silver', 'gold', 'dlq'])
      expect(typing.shown()).toMatch(new RegExp(`^${layer} +\\d`, 'm'))
    typing.interrupt()
    const { stderr } = await typing.ended
    expect(stderr).not.toContain('failed')
    const verified = await type('npx assay verify --from-log').ended
    expect([verified.code, verified.stderr]).toEqual([0, expect.any(String)])
  })

  it.each(consoles)('$typed', async ({ typed, shown }) => {
    const { code, stdout, stderr } = await type(typed).ended
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('rror')])
    if (shown !== '') expect(stdout.trim()).toBe(shown)
    else expect(stdout === '').toBe(typed.includes(' -o '))
  })

  it.skipIf(!hasServers)('runs on real servers without Docker', async () => {
    try {
      const { code, stdout, stderr } = await type(`set -e\n${onServers}`).ended
      expect([code, stderr]).toEqual([0, expect.any(String)])
      // The tables that `up --drain` prints come before the answer.
      const count = Number([...stdout.matchAll(/│ +(\d+) │/g)].at(-1)?.[1])
      expect(count).toBeGreaterThan(9_000)
      expect(count).toBeLessThanOrEqual(10_000)
    } finally {
      await type('scripts/real-parts down').ended
    }
  })
})
