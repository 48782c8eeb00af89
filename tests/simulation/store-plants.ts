import type { Plant } from './plants.js'

/** Mistakes that show when the store's disks do what disks do. */
export const STORE_PLANTS: readonly Plant[] = [
  {
    name: 'clean-up-goes-past-what-it-cannot-read',
    profile: 'store',
    seed: 14,
    edits: [
      {
        file: 'packages/iceberg/src/cleanup/orphans.ts',
        find: 'for (const manifest of await table.manifests(version, snapshot)) {',
        put: 'for (const manifest of await table.manifests(version, snapshot).catch(() => [])) {',
      },
      {
        file: 'packages/iceberg/src/cleanup/orphans.ts',
        find: 'of (await table.manifest(version, manifest)).entries) paths',
        put: 'of (await table.manifest(version, manifest).catch(() => ({ entries: [] }))).entries) paths',
      },
    ],
  },
  {
    name: 'verify-passes-what-it-cannot-read',
    profile: 'store',
    seed: 14,
    edits: [
      {
        file: 'packages/audit/src/verify/verify.ts',
        find: 'this.#list.done(claim, {}, findings)\n      return undefined',
        put: 'return undefined',
      },
    ],
  },
]
