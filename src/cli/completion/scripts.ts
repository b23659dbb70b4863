/** The completion scripts. Each hands the words to `trestle complete`, which prints proposals: word, tabulator, description. */

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A directory gets no space behind it, so that the path can go on. */
const BASH = `# Completion of trestle for bash: trestle completion bash > /etc/bash_completion.d/trestle
_trestle() {
  local word
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do
    [[ -n $word ]] && COMPREPLY+=("$word")
  done < <("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == */ ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -F _trestle trestle
`;

const ZSH = `#compdef trestle
# Completion of trestle for zsh: trestle completion zsh > /usr/local/share/zsh/site-functions/_trestle
_trestle() {
  local line
  local -a words_ descriptions directories
  while IFS= read -r line; do
    if [[ \${line%%$'\\t'*} == */ ]]; then
      directories+=("\${line%%$'\\t'*}")
    else
      words_+=("\${line%%$'\\t'*}")
      descriptions+=("\${line%%$'\\t'*}  \${line#*$'\\t'}")
    fi
  done < <("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#words_} )) && compadd -l -d descriptions -a words_
  (( \${#directories} )) && compadd -S '' -a directories
  return 0
}
if [[ \${funcstack[1]} == _trestle ]]; then
  _trestle "$@"
else
  compdef _trestle trestle
fi
`;

const FISH = `# Completion of trestle for fish: trestle completion fish > ~/.config/fish/completions/trestle.fish
function __trestle_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] complete -- $words[2..-1] 2>/dev/null
end
complete -c trestle -f -a '(__trestle_complete)'
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

/** The script that a shell reads to complete command lines of trestle. */
export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}
