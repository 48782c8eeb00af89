import { expect, test } from 'vitest'
import { assay, temporaryFolder } from './assay.js'

const folder = temporaryFolder()

test('neither an error nor a report shows a secret, in texts and in JSON', async () => {
  const env = { AWS_SECRET_ACCESS_KEY: 'battery-staple' }
  const lake = folder.path('of battery-staple')
  for (const [args, code] of [
    [['status', '--json'], 2],
    [['doctor'], 0],
  ] as const) {
    const ended = await assay([...args, '--lake', lake], '', env)
    const shown = `${ended.stdout}${ended.stderr}`
    expect(ended.code, shown).toBe(code)
    expect(shown).toContain('of ***')
    expect(shown).not.toContain('battery-staple')
    if (args.length > 1) JSON.parse(ended.stderr)
  }
})
