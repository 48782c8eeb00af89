// The benchmark suite: what it measures is told in bench/README.md.
import { fileURLToPath } from 'node:url'
import { runChild } from './lib/child.mjs'
import { medianOf } from './lib/figures.mjs'
import { machine } from './lib/measure.mjs'
import { readOptions } from './lib/options.mjs'
import { loadNotice, printFigures } from './lib/print.mjs'
import { commitOf, lastResults, readResults, writeResults } from './lib/results.mjs'

const OWN = fileURLToPath(new URL('../', import.meta.url))

function say(text) {
  process.stderr.write(`${text}\n`)
}

/** All parts on each repository in turn, so that whatever else the machine does meets them alike. */
async function measure({ parts, repos, repeat }) {
  const measured = repos.map(() => ({}))
  for (const { part, options } of parts) {
    const runs = repos.map(() => [])
    for (let turn = 0; turn < repeat; turn++) {
      for (const [i, repo] of repos.entries()) {
        if (repos.length > 1) say(`${repo}:`)
        runs[i]?.push(await runChild('part', { part, options }, repo))
      }
    }
    for (const [i, results] of runs.entries()) measured[i] = { ...measured[i], [part]: medianOf(results) }
  }
  return measured
}

async function earlier({ against }, now, parts) {
  if (against !== undefined) return { name: against, results: await readResults(against) }
  return lastResults(now, parts)
}

async function run(asked) {
  const results = { date: new Date().toISOString(), machine: machine() }
  const repos = asked.repos.length > 0 ? asked.repos : [OWN]
  const measured = await measure({ ...asked, repos })
  const [first, last] = [measured[0], measured.at(-1)]
  if (repos.length > 1) {
    say(`before: ${repos[0]}, now: ${repos.at(-1)}`)
    printFigures(last, first)
  } else {
    const before = await earlier(asked, results.machine, last)
    if (before) say(`before: ${before.name}`)
    printFigures(last, before?.results)
  }
  process.stdout.write(`${loadNotice(results.machine, measured)}\n`)
  const of = (i) => ({ commit: commitOf(repos[i]) ?? repos[i] })
  const written =
    repos.length > 1
      ? { repositories: measured.map((parts, i) => ({ ...of(i), parts })) }
      : { commit: of(0).commit, ...last }
  say(`written to bench/results/${await writeResults({ ...results, ...written })}`)
}

let asked
try {
  asked = readOptions()
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exit(2)
}
await run(asked)
