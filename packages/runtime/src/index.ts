export { type Lake, type LakeOptions, openLake, tableDefinitions } from './lake.js'
export { type Layer, type RunOptions, runWorkers } from './run-workers.js'
