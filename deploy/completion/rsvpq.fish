function _rsvpq_completion
    set -l lines (env COMP_LINE=(commandline -cp) _RSVPQ_COMPLETE=fish_complete rsvpq 2>/dev/null)
    for line in $lines
        set -l parts (string split -m 1 "," -- $line)
        switch $parts[1]
            case dir
                __fish_complete_directories (commandline -ct)
            case file
                __fish_complete_path (commandline -ct)
            case "*"
                echo $parts[2]
        end
    end
end

complete --no-files --command rsvpq --arguments "(_rsvpq_completion)"
