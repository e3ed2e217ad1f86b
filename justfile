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

# Lints and format, as they must be to land.
lint:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo fmt --all --check

# Figures, with their ratios to a floor in the same run.
bench:
    cargo bench --bench figures

# Known holes, licences, where crates come from.
deny:
    cargo deny check

# All that must pass before a change lands.
ci:
    .ci/run
