#!/bin/sh
# Prints the state of job $1 as cluster-generic wants it: running, success or failed.
jobs=$(qstat -u '*') || { echo running; exit; }     # no answer now: Snakemake asks again
state=$(echo "$jobs" | awk -v job="$1" '$1 == job { print $5; exit }')
case $state in
*E*) echo failed; exit ;;                           # Eqw: it cannot start; `qstat -j` says why
?*) echo running; exit ;;
esac
for _ in 1 2 3 4 5 6 7 8 9 10; do                   # the accounting file is some seconds behind
    if record=$(qacct -j "$1" 2> /dev/null); then
        echo "$record" | awk '/^=====/ { bad = 0 }  # a restarted job has several records
                              $1 == "failed" || $1 == "exit_status" { bad += $2 != 0 }
                              END { print bad ? "failed" : "success" }'
        exit
    fi
    sleep 3
done
echo failed
