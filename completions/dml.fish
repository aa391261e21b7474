# fish completion for dml. Load it with:  dml completion fish | source
function _dml_completion
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l word (commandline --current-token --cut-at-cursor)
    set -l position (count $words)
    set -l answer (_DML_COMPLETE=fish _DML_WORDS=(string join \n -- $words $word | string collect) \
        _DML_WORD=$position $words[1] 2>/dev/null)
    switch "$answer[1]"
        case ':files'
            __fish_complete_path $word
        case ':directories'
            __fish_complete_directories $word
        case '*'
            printf '%s\n' $answer
    end
end
complete --command dml --no-files --keep-order --arguments '(_dml_completion)'
