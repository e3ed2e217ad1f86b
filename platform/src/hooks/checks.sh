if [ -n "$own" ]; then "$own" "$@" || exit; fi

# Only in the project's repository, its worktrees and folders included: they share one Git directory.
repository=@REPOSITORY@
shared=$(CDPATH= cd "$(git rev-parse --git-common-dir)" 2>/dev/null && pwd -P) || exit 0
[ "$shared" = "$repository" ] || exit 0

# Where the project stands in its repository. A worktree may not have that folder: then at its top.
top=$(git rev-parse --show-toplevel) || exit 0
cd "$top/"@FOLDER@ 2>/dev/null || cd "$top" || exit

# What Git sets for this one commit would lead a check that uses Git astray, in other repositories above all.
for variable in $(git rev-parse --local-env-vars); do
    if [ "$variable" != GIT_CONFIG_COUNT ]; then unset "$variable"; fi
done

# Words of a check that passed are of no use to anybody.
output=$(mktemp 2>/dev/null) || output=
if [ -n "$output" ]; then trap 'rm -f "$output"' EXIT; fi

check() {
    if [ -n "$output" ]; then
        /bin/sh -c "$1" >"$output" 2>&1 </dev/null
    else
        /bin/sh -c "$1" >&2 </dev/null
    fi
    status=$?
    if [ "$status" -ne 0 ]; then
        if [ -n "$output" ]; then cat "$output" >&2; fi
        printf 'agentlab: nothing was committed, since this check of the project failed (exit code %s): %s\n' "$status" "$1" >&2
        exit 1
    fi
}

