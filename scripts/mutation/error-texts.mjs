// @ts-check
import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin'

/** Leaves the texts of errors as they are: tests ask for errors by their codes and classes. */
export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, 'error-texts', {
    shouldIgnore(/** @type {any} a path of Babel, which the declarations leave open */ path) {
      const { node } = path
      const isText = node.type === 'StringLiteral' || node.type === 'TemplateLiteral'
      const thrown = isText && path.findParent((/** @type {any} */ parent) => parent.isNewExpression())
      return thrown && /Error$/.test(thrown.node.callee.name ?? '') ? 'the text of an error' : undefined
    },
  }),
]
