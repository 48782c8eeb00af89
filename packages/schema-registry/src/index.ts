export { type ConfluentRegistryOptions, openConfluentRegistry, type RegistryAuth } from './confluent-registry.js'
export { openEmbeddedRegistry } from './embedded-registry.js'
export type { SchemaLookup, SchemaRegistry } from './registry.js'
export { frameSchemaId, SCHEMA_ID_MAX, WIRE_HEADER_BYTES, wireHeader } from './wire-header.js'
