import Posix

/// The scripts that make shells ask a tool for completions. They know nothing of the tool but its name: it answers, as
/// `CompletionRequest` describes; files are the shell's own business.
enum CompletionScript {
    /// The shell that `--generate-completion-script` asks for; without a value, the one that this user has. Nil where nothing is asked for.
    static func shell(askedForBy arguments: [String]) -> String? {
        let option = "--generate-completion-script"
        guard let first = arguments.first, arguments.count <= 2, first.hasPrefix(option) else { return nil }
        if first == option, arguments.count == 2 { return arguments[1] }
        if first.hasPrefix(option + "="), arguments.count == 1 { return String(first.dropFirst(option.count + 1)) }
        guard first == option, arguments.count == 1 else { return nil }
        return Environment.value("SHELL")?.split(separator: "/").last.map(String.init)
    }

    /// The script of a tool for a shell; nil of a shell that is not known.
    static func text(_ tool: String, _ shell: String) -> String? {
        let scripts = ["bash": bash, "zsh": zsh, "fish": fish]
        return scripts[shell]?.replacing("TOOL", with: tool)
    }

    // In all three, TOOL stands for its name.

    private static let bash = #"""
        # Completion of TOOL for bash. The tool itself says what there is.
        _modlink_TOOL() {
            local word=${COMP_WORDS[COMP_CWORD]} files prefix line ending
            local -a found=()
            COMPREPLY=()
            {
                IFS= read -r files
                IFS= read -r prefix
                while IFS= read -r line; do COMPREPLY+=("$prefix${line%%$'\t'*}"); done
            } < <("${1/#\~/$HOME}" ---complete bash "$COMP_CWORD" "${COMP_WORDS[@]}" 2> /dev/null)
            [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2> /dev/null
            [[ -n $files ]] || return 0
            # What is quoted, as it is meant.
            case $word in
                = | :) word= ;;
                [\'\"]*) word=${word:1} ;;
                *) word=${word//\\/} ;;
            esac
            word=${word#"$prefix"}
            if [[ $files == any ]]; then
                mapfile -t found < <(compgen -f -- "$word")
            else
                mapfile -t found < <(
                    compgen -d -- "$word"
                    for ending in $files; do compgen -f -X "!*$ending" -- "$word"; done
                )
                # None of them: better any file than nothing.
                [[ ${#found[@]} -gt 0 || ${#COMPREPLY[@]} -gt 0 ]] || mapfile -t found < <(compgen -f -- "$word")
            fi
            [[ ${#found[@]} -eq 0 ]] || compopt -o filenames 2> /dev/null
            for line in "${found[@]}"; do COMPREPLY+=("$prefix$line"); done
        }
        complete -F _modlink_TOOL TOOL

        """#

    private static let zsh = #"""
        #compdef TOOL
        # Completion of TOOL for zsh. The tool itself says what there is.
        _TOOL() {
            local tool=${(Q)words[1]} files prefix line
            local -a lines values open
            integer found=1
            [[ $tool != \~* ]] || tool=${~tool}
            lines=("${(@f)$($tool ---complete zsh $((CURRENT - 1)) "${(@Q)words}" 2> /dev/null)}")
            files=$lines[1] prefix=$lines[2]
            for line in "${(@)lines[3,-1]}"; do
                [[ -n $line ]] || continue
                if [[ $line == *= || $line == *=$'\t'* ]]; then open+=("${${line//:/\\:}/$'\t'/:}")
                else values+=("${${line//:/\\:}/$'\t'/:}")
                fi
            done
            [[ -z $prefix ]] || compset -P "${(b)prefix}"
            if [[ $PREFIX == -* && -z $prefix ]]; then
                (( ! $#values )) || { _describe -o option values && found=0 }
            else
                (( ! $#values )) || { _describe value values && found=0 }
            fi
            (( ! $#open )) || { _describe parameter open -S '' && found=0 }
            case $files in
                '') ;;
                any) _files && found=0 ;;
                *) _files -g "*(${files// /|})(-.)" && found=0 ;;
            esac
            return found
        }
        if [[ ${funcstack[1]} == _TOOL ]]; then _TOOL "$@"; else compdef _TOOL TOOL; fi

        """#

    private static let fish = #"""
        # Completion of TOOL for fish. The tool itself says what there is.
        function __modlink_TOOL
            set -l typed (commandline -opc)
            set -l word (commandline -ct)
            set -l lines ($typed[1] ---complete fish (count $typed) $typed "$word" 2>/dev/null)
            set -l prefix "$lines[2]"
            set -l found (count $lines)
            if test $found -gt 2
                for line in $lines[3..-1]
                    printf '%s\n' $prefix$line
                end
            end
            test -n "$lines[1]"; or return
            set -l part (string sub -s (math 1 + (string length -- "$prefix")) -- "$word")
            set -l files (complete -C "'' $part")
            if test "$lines[1]" != any
                set -l wanted (string match -r -- '^[^\t]*(?:/|'(string replace -a ' ' '|' -- (string escape --style=regex -- $lines[1]))')(?:\t.*)?$' $files)
                # None of them: better any file than nothing.
                if test (count $wanted) -gt 0 -o $found -gt 2
                    set files $wanted
                end
            end
            for file in $files
                printf '%s\n' $prefix$file
            end
        end
        complete -c TOOL -f -a '(__modlink_TOOL)'

        """#
}
