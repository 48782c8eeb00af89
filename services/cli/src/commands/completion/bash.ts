import { type Offer, type OfferedCommand, optionsWithValue, quoted } from './tree.js'

/** A script for bash from 3.2 on. */
export function bashScript(commands: readonly OfferedCommand[]): string {
  const values = optionsWithValue(commands)
  return `# Completion of assay for bash, as "assay completion bash" prints it.
_assay() {
  local IFS=$'\\n' cur="\${COMP_WORDS[COMP_CWORD]}" line=assay option='' options='' word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if [[ -n $option ]]; then
      # bash makes three words of --name=value.
      [[ $word == = ]] || option=''
      continue
    fi
    case "$line $word" in
${commands
  .slice(1)
  .map(({ path }) => `      ${quoted(path)}) line="$line $word" ;;`)
  .join('\n')}
      *) case "$line|$word" in
${values.map(([path, flag]) => `        ${quoted(`${path}|${flag}`)}) option="$word" ;;`).join('\n')}
      esac ;;
    esac
  done
  [[ $cur == = ]] && cur=''
  case "$line|$option" in
${values.map(([path, flag, value]) => `    ${quoted(`${path}|${flag}`)}) ${offer(value)}; return ;;`).join('\n')}
  esac
  case "$line" in
${commands.map(caseOf).join('\n')}
  esac
  # Options where they are begun, or where there is nothing else.
  if [[ $cur == -* || \${#COMPREPLY[@]} -eq 0 ]]; then COMPREPLY=($(compgen -W "$options" -- "$cur")); fi
}
complete -F _assay assay
`
}

function caseOf({ path, subcommands, options, argument }: OfferedCommand): string {
  const flags = options.flatMap((option) => option.flags).join('\n')
  const words: Offer = { kind: 'words', words: subcommands.map(({ name }) => name) }
  return `    ${quoted(path)}) options=${quoted(flags)}; ${offer(subcommands.length > 0 ? words : argument)} ;;`
}

function offer(value: Offer): string {
  switch (value.kind) {
    case 'words':
      return `COMPREPLY=($(compgen -W ${quoted(value.words.join('\n'))} -- "$cur"))`
    case 'files':
      return 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"))'
    case 'folders':
      return 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur"))'
    case 'nothing':
      return ':'
  }
}
