# bash completion for dml. Load it with:  eval "$(dml completion bash)"
_dml_completion() {
    local IFS=$'\n' answer
    answer=$(_DML_COMPLETE=bash _DML_WORDS="${COMP_WORDS[*]}" _DML_WORD=$COMP_CWORD "$1" 2>/dev/null) || return
    COMPREPLY=()
    case $answer in
        :files) compopt -o default ;;
        :directories) compopt -o dirnames ;;
        *) COMPREPLY=($answer) ;;
    esac
}
complete -o nosort -F _dml_completion dml
