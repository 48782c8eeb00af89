// @ts-check
import { catalog } from './catalog.mjs'
import { kafka } from './kafka.mjs'
import { registry } from './registry.mjs'
import { s3 } from './s3.mjs'
import { toxiproxy } from './toxiproxy.mjs'

/** Every part, in the order in which they start: the catalog needs the S3 store. */
export const PARTS = { kafka, s3, registry, catalog, toxiproxy }

/** @typedef {keyof typeof PARTS} PartName */

/** @type {readonly PartName[]} */
export const PART_NAMES = ['kafka', 's3', 'registry', 'catalog', 'toxiproxy']
