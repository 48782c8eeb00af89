import { isSecretName, UsageError } from '@assay/core'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../src/index.js'
import { SETTINGS } from '../src/settings/config.js'

const SECRET = 's3cr3t'

/** Texts of which each setting with a form of its own refuses some. */
const TEXTS = [
  '',
  'no such thing!',
  '-1',
  '1.5',
  '99999999999999999999',
  'yes',
  `http://user:${SECRET}@host`,
  `http://host?token=${SECRET}@`,
  `user:${SECRET}@broker:9092`,
  `s3://user:${SECRET}@bucket`,
  `${SECRET},${SECRET}`,
]

function mistakesOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env)
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError)
    return (error as UsageError).message.split('\n')
  }
}

describe('every setting that has a form', () => {
  const refused = Object.keys(SETTINGS).map((name) => {
    const mistakes = TEXTS.flatMap((text) => mistakesOf({ [name]: text }).filter((one) => one.startsWith(`${name} `)))
    return { name, mistakes }
  })

  it('refuses what does not have it, says its name and what it takes, and repeats no secret', () => {
    for (const { name, mistakes } of refused) {
      for (const mistake of mistakes) {
        expect(mistake).toMatch(/^ASSAY_\w+ (must|names) [^\n]+/)
        // What names exchanges and symbols repeats those that are wrong.
        if (name !== 'ASSAY_EXCHANGES' && name !== 'ASSAY_SYMBOLS') expect(mistake).not.toMatch(/user:|token=/)
      }
    }
  })

  it('is every one but those for secrets, which may be any text', () => {
    const free = refused.filter(({ mistakes }) => mistakes.length === 0).map(({ name }) => name)
    expect(free).toMatchInlineSnapshot(`
      [
        "ASSAY_KAFKA_SASL_USERNAME",
        "ASSAY_KAFKA_SASL_PASSWORD",
        "ASSAY_REGISTRY_USERNAME",
        "ASSAY_REGISTRY_PASSWORD",
        "ASSAY_REGISTRY_TOKEN",
        "ASSAY_CATALOG_TOKEN",
        "ASSAY_CATALOG_CREDENTIAL",
      ]
    `)
  })

  it('is told of once, by one line for each mistake', () => {
    const all = mistakesOf(Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, 'no such thing!'])))
    expect(new Set(all).size).toBe(all.length)
    for (const one of all) expect(one).toMatch(/^ASSAY_/)
  })
})

describe('secrets', () => {
  it('are found by the names of their settings, so that no log and no error repeats a value', () => {
    const secret = Object.entries(SETTINGS).filter(([, { means }]) =>
      /password|bearer token|client credentials|must show one of them/i.test(means),
    )
    expect(secret.map(([name]) => name)).toMatchInlineSnapshot(`
      [
        "ASSAY_KAFKA_SASL_PASSWORD",
        "ASSAY_REGISTRY_PASSWORD",
        "ASSAY_REGISTRY_TOKEN",
        "ASSAY_CATALOG_TOKEN",
        "ASSAY_CATALOG_CREDENTIAL",
        "ASSAY_INGEST_TOKENS",
      ]
    `)
    for (const [name] of secret) expect(isSecretName(name), name).toBe(true)
  })
})
