# What there is to do.
default:
    @just --list

# Every test. Those that need the real Claude CLI say so where it is missing.
test:
    cargo test --workspace

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
