import { rename } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { json, start, temporaryFolder } from './assay.js'

const folder = temporaryFolder()

test('A7: status --watch goes on through an outage of the lake, and ends with 0 at Ctrl-C', async () => {
  const lake = folder.path('lake')
  await json(['simulate', '--exchange', 'binance', '--count', '20', '--lake', lake])
  const running = start(['status', '--watch', '1', '--json', '--lake', lake])
  await running.shows('"lanes"')
  await rename(lake, `${lake}-away`)
  await running.shows('"waiting"')
  await rename(`${lake}-away`, lake)
  const since = Date.now()
  let text = ''
  running.process.stdout.on('data', (chunk: Buffer) => {
    text += chunk
  })
  while (!text.includes('"lanes"') && Date.now() - since < 20_000) await new Promise((next) => setTimeout(next, 100))
  expect(text).toContain('"lanes"')
  running.process.kill('SIGINT')
  const { code, stdout, stderr } = await running.ended
  expect([code, stderr]).toEqual([0, ''])
  for (const line of stdout.toString().trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('at')
})
