// Hooks of the module loader: packages of ours are found as from another repository's folder.
let parentURL

export function initialize(data) {
  parentURL = data.parentURL
}

export function resolve(specifier, context, next) {
  return next(specifier, specifier.startsWith('@assay/') ? { ...context, parentURL } : context)
}
