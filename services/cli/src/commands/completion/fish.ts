import { type Offer, type OfferedCommand, optionsWithValue } from './tree.js'

export function fishScript(commands: readonly OfferedCommand[]): string {
  const values = optionsWithValue(commands)
  return `# Completion of assay for fish, as "assay completion fish" prints it.
function __assay_line
    set -l line assay
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
            continue
        end
        switch "$line $word"
            case ${commands
              .slice(1)
              .map(({ path }) => quoted(path))
              .join(' ')}
                set line "$line $word"
            case ${values.map(([path, flag]) => quoted(`${path} ${flag}`)).join(' ')}
                set skip 1
        end
    end
    echo $line
end
function __assay_at
    test (__assay_line) = $argv[1]
end
complete -c assay -f
${commands.flatMap(linesOf).join('\n')}
`
}

function linesOf({ path, subcommands, options, argument }: OfferedCommand): string[] {
  const at = `complete -c assay -n ${quoted(`__assay_at ${quoted(path)}`)}`
  return [
    ...subcommands.map(({ name, summary }) => `${at} -a ${quoted(name)} -d ${quoted(summary)}`),
    ...options.map(({ flags, description, value }) => {
      const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`))
      return `${at} ${names.join(' ')}${value ? ` ${offer(value)}` : ''} -d ${quoted(description)}`
    }),
    ...(subcommands.length > 0 || argument.kind === 'nothing' ? [] : [`${at} ${offer(argument)}`]),
  ]
}

function offer(value: Offer): string {
  switch (value.kind) {
    case 'words':
      return `-x -a ${quoted(value.words.join(' '))}`
    case 'files':
      return '-r -F'
    case 'folders':
      return "-x -a '(__fish_complete_directories)'"
    case 'nothing':
      return '-x'
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
