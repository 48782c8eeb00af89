import { type Offer, type OfferedCommand, optionsWithValue, quoted } from './tree.js'

export function zshScript(commands: readonly OfferedCommand[]): string {
  const values = optionsWithValue(commands)
  return `#compdef assay
# Completion of assay for zsh, as "assay completion zsh" prints it.
_assay() {
  local cur=$words[CURRENT] line=assay option='' word i
  local -a subcommands options
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    if [[ -n $option ]]; then option=''; continue; fi
    case "$line $word" in
${commands
  .slice(1)
  .map(({ path }) => `      (${quoted(path)}) line="$line $word" ;;`)
  .join('\n')}
      (*) case "$line|$word" in
${values.map(([path, flag]) => `        (${quoted(`${path}|${flag}`)}) option=$word ;;`).join('\n')}
      esac ;;
    esac
  done
  if [[ -z $option && $cur == --*=* ]]; then option=\${cur%%=*}; compset -P '*='; fi
  case "$line|$option" in
${values.map(([path, flag, value]) => `    (${quoted(`${path}|${flag}`)}) ${offer(value)}; return ;;`).join('\n')}
  esac
  case "$line" in
${commands.map(caseOf).join('\n')}
  esac
  if [[ $cur == -* ]]; then _describe option options; elif (( $#subcommands )); then _describe command subcommands; fi
}
if [[ $funcstack[1] == _assay ]]; then _assay "$@"; else compdef _assay assay; fi
`
}

function caseOf({ path, subcommands, options, argument }: OfferedCommand): string {
  const names = subcommands.map(({ name, summary }) => described(name, summary)).join(' ')
  const flags = options.flatMap((option) => option.flags.map((flag) => described(flag, option.description))).join(' ')
  const rest =
    subcommands.length > 0 || argument.kind === 'nothing' ? '' : `; if [[ $cur != -* ]]; then ${offer(argument)}; fi`
  return `    (${quoted(path)}) subcommands=(${names}); options=(${flags})${rest} ;;`
}

function described(name: string, text: string): string {
  return quoted(`${name.replaceAll(':', '\\:')}:${text}`)
}

function offer(value: Offer): string {
  switch (value.kind) {
    case 'words':
      return `compadd -- ${value.words.map(quoted).join(' ')}`
    case 'files':
      return '_files'
    case 'folders':
      return '_files -/'
    case 'nothing':
      return ':'
  }
}
