# What there is to do.
default:
    @just --list

# Every test. Those that need the real Claude CLI say so where it is missing.
test:
    cargo test --workspace

# The stories of what dies and what misbehaves, in large numbers: 200 kills, 1,000 hostile agents. One after the other,
# since the first one measures. About three minutes.
many:
    AGENTLAB_TEST_MANY=1 cargo test --test main -- --nocapture --test-threads=1 stories::adoption stories::hostile

# Every byte and page of a database damaged in turn, and `kill -9` at every single change that a backup, a restore, a migration, an
# import and a pass of retention make. About an hour.
anywhere:
    AGENTLAB_TEST_MANY=1 cargo test --test main -- --nocapture --test-threads=2 _anywhere

# Kills, stops and locks at random under load for so long, then an account of every task. The seed is printed first:
# `AGENTLAB_TEST_CHAOS_SEED=n just chaos` makes the same choices again.
chaos time="5m":
    AGENTLAB_TEST_CHAOS={{time}} cargo test --test main -- --nocapture stories::chaos

# A disk that fails at every single change in turn, for each role and kind of fault, and one that is full. About an hour.
disk-faults:
    AGENTLAB_TEST_MANY=1 cargo test --test main -- --nocapture --test-threads=2 stories::disk_faults stories::disk_full

# Lints and format, as they must be to land.
lint:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo fmt --all --check

# Types for macOS, on Debian, without a Mac: see the script for what it fetches. It proves types and no behaviour.
check-macos:
    tests/macos/check.sh

# Figures, with their ratios to a floor in the same run.
bench:
    cargo bench --bench figures

# Known holes, licences, where crates come from.
deny:
    cargo deny check

# All that must pass before a change lands.
ci:
    .ci/run
