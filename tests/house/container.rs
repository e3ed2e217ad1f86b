//! The container's versions are those that everything is tested with: nobody builds the image in a test.

use super::tree::text;

/// What stands between these two in a file.
fn between(path: &str, before: &str, after: char) -> String {
    let text = text(path);
    let rest = text.split(before).nth(1).unwrap_or_else(|| panic!("{path} has no {before}"));
    rest.split(after).next().unwrap().to_owned()
}

#[test]
fn the_image_has_the_rust_and_the_claude_that_are_tested() {
    assert_eq!(between("Dockerfile", "FROM rust:", '-'), between("Cargo.toml", "rust-version = \"", '"'));
    let tested = between("package.json", "\"@anthropic-ai/claude-code\": \"", '"');
    assert_eq!(between("Dockerfile", "@anthropic-ai/claude-code@", ' '), tested);
}

#[test]
fn what_the_container_keeps_is_in_volumes() {
    let (image, compose) = (text("Dockerfile"), text("compose.yaml"));
    let home = between("Dockerfile", "ENV AGENTLAB_HOME=", '\n');
    assert!(image.contains(&format!("VOLUME [\"{home}\"")) && compose.contains(&format!("home:{home}\n")), "{home}");
    assert!(image.contains("ENTRYPOINT [\"tini\""), "somebody has to collect what ends as a child of PID 1");
}
