// @ts-check
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { Stryker } from '@stryker-mutator/core'
import { describeMutants, readEquivalents } from './mutants.mjs'

const USAGE = `Mutation testing: changes the source files one small change at a time and runs the tests, which have to fail.

npm run test:mutation -- FILE[:LINE-LINE]… [option…]
  --tests GLOB        tests to run, may be repeated (default: the *.test.ts of the files' packages)
  --also GLOB         tests to run besides the default
  --threshold N       the least score in percent (default 90)
  --concurrency 1|2   processes that run tests (default 1)
  --minutes N         the run stops after that time, and fails (default 60)

Exit code: 0 when the score is at least the threshold, 1 when it is not, 2 for wrong options or tests that fail unchanged.
`
const LINES = /:\d+-\d+$/

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      tests: { type: 'string', multiple: true },
      also: { type: 'string', multiple: true, default: [] },
      threshold: { type: 'string', default: '90' },
      concurrency: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '60' },
    },
  })
  /**
   * @param {'threshold' | 'concurrency' | 'minutes'} name
   * @param {number} least
   * @param {number} most
   */
  const number = (name, least, most) => {
    const value = Number(values[name])
    if (!(value >= least && value <= most)) throw new TypeError(`--${name} takes a number from ${least} to ${most}`)
    return value
  }
  if (positionals.length === 0) throw new TypeError('name the source files to change')
  return {
    mutate: positionals,
    testFiles: [...(values.tests ?? positionals.map(testsOf)), ...values.also],
    threshold: number('threshold', 0, 100),
    concurrency: number('concurrency', 1, 2),
    minutes: number('minutes', 0.1, 24 * 60),
  }
}

/** The unit tests of the package that a file lies in. @param {string} file */
function testsOf(file) {
  const folder = /^(?:packages|services)\/[^/]+(?=\/src\/)/.exec(file)?.[0]
  if (folder === undefined) throw new TypeError(`${file} is no source file of a package, given from the root`)
  return `${folder}/test/**/*.test.ts`
}

/**
 * Runs the tests against each mutant, in a copy of the repository outside of its tree, which goes when the process ends.
 * @param {ReturnType<typeof readOptions>} options
 */
async function test({ mutate, testFiles, concurrency, minutes }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'assay-mutation-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const late = setTimeout(() => {
    process.stderr.write(`stopped after ${minutes} minutes; name fewer lines or fewer tests\n`)
    process.exit(1)
  }, minutes * 60_000)
  const stryker = new Stryker({
    mutate,
    testRunner: 'vitest',
    testFiles: [...new Set(testFiles)],
    vitest: { configFile: 'scripts/mutation/vitest.config.ts', related: false },
    plugins: ['@stryker-mutator/vitest-runner', new URL('error-texts.mjs', import.meta.url).pathname],
    ignorers: ['error-texts'],
    coverageAnalysis: 'perTest',
    concurrency,
    // Loops without end are noticed by how often they come past a mutant; time alone says little on a busy machine.
    timeoutMS: 5_000,
    reporters: ['progress-append-only'],
    tempDirName: folder,
    ignorePatterns: ['dist', 'bench', 'monitoring', 'runbooks'],
    // Only other test runners need it rewritten, by a compiler's interface that TypeScript 7 no longer has.
    tsconfigFile: 'none.json',
  })
  try {
    return await stryker.runMutationTest()
  } finally {
    clearTimeout(late)
  }
}

/**
 * @param {Awaited<ReturnType<typeof test>>} results
 * @param {readonly string[]} files without their lines
 */
function report(results, files) {
  const equivalents = readEquivalents()
  const rows = files.map((file) => {
    const lines = readFileSync(file, 'utf8').split('\n')
    return describeMutants(
      file,
      lines,
      results.filter(({ fileName }) => path.relative('.', fileName) === file),
      equivalents,
    )
  })
  // What timed out counts as noticed; it is told, since a busy machine may be the reason.
  for (const { survivors, timedOut } of rows)
    for (const mutant of [...timedOut, ...survivors]) process.stdout.write(`${mutant}\n`)
  process.stdout.write(
    '\n| file | mutants | killed | equivalent | survived | score |\n| --- | --- | --- | --- | --- | --- |\n',
  )
  for (const { file, mutants, killed, equivalent, survivors, score } of rows)
    process.stdout.write(
      `| \`${file}\` | ${mutants} | ${killed} | ${equivalent} | ${survivors.length} | ${score} % |\n`,
    )
  return Math.min(...rows.map(({ score }) => score))
}

try {
  const options = readOptions()
  const results = await test(options)
  const score = report(results, [...new Set(options.mutate.map((file) => file.replace(LINES, '')))])
  process.exitCode = score >= options.threshold ? 0 : 1
} catch (error) {
  const isUsage = error instanceof TypeError
  process.stderr.write(isUsage ? `${error.message}\n\n${USAGE}` : `${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 2
}
