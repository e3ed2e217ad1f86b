//! Text that others wrote, for a terminal. *Tame* text holds nothing that a terminal obeys: neither escape sequences nor control
//! characters other than the ends of lines and tabs. It does not judge letters that a terminal shows.

use console::strip_ansi_codes;

/// The text, tame where it goes to a terminal.
pub(super) fn on(terminal: bool, text: &str) -> String {
    if !terminal {
        return text.to_owned();
    }
    // Whole sequences first: without its first letter the rest of one would be shown.
    let plain = strip_ansi_codes(text);
    plain.chars().filter(|letter| matches!(letter, '\n' | '\t') || !letter.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WILD: &str =
        "a\u{1b}[31mred\u{1b}[2J\u{1b}]0;title\u{7}b\r\u{8}\u{9b}31mc\u{1b}\u{85}\u{90}\u{0}\u{7f}d\n\te\u{1b}[";

    #[test]
    fn a_terminal_obeys_nothing_of_it() {
        let tame = on(true, WILD);
        assert!(tame.chars().all(|letter| matches!(letter, '\n' | '\t') || !letter.is_control()), "{tame:?}");
        assert!(tame.starts_with("aredb") && tame.contains("d\n\te"), "{tame:?}");
    }

    #[test]
    fn a_pipe_gets_it_as_it_is() {
        assert_eq!(on(false, WILD), WILD);
    }
}
