#!/bin/sh
# Written by agentlab for one run and gone with it; nothing in the repository was changed. Git finds this file by
# core.hooksPath in the environment of the run's agent. It runs the repository's own hook, as Git would have without it.
ours=@OURS@
name=${0##*/}

# Our entry leaves the environment, and only ours.
count=${GIT_CONFIG_COUNT:-0} index=0 kept=0
while [ "$index" -lt "$count" ]; do
    eval "key=\${GIT_CONFIG_KEY_$index-} value=\${GIT_CONFIG_VALUE_$index-}"
    unset "GIT_CONFIG_KEY_$index" "GIT_CONFIG_VALUE_$index"
    if [ "$key" != core.hooksPath ] || [ "$value" != "$ours" ]; then
        eval "export GIT_CONFIG_KEY_$kept=\"\$key\" GIT_CONFIG_VALUE_$kept=\"\$value\""
        kept=$((kept + 1))
    fi
    index=$((index + 1))
done
if [ "$kept" -gt 0 ]; then export GIT_CONFIG_COUNT="$kept"; else unset GIT_CONFIG_COUNT; fi

# A relative path is relative to where hooks run, which is here.
hooks=$(git rev-parse --git-path hooks 2>/dev/null </dev/null)
own=
if [ -n "$hooks" ] && [ "$hooks" != "$ours" ] && [ -f "$hooks/$name" ] && [ -x "$hooks/$name" ]; then
    own=$hooks/$name
fi
