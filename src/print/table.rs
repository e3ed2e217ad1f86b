//! Tables. On a terminal a row is one line: what is widest is cut, and ends with `…`. Anywhere else nothing is cut, whoever reads.
//!
//! A *width* is counted in columns of a terminal: a letter of Chinese and most emoji take two.

use console::{Term, measure_text_width, truncate_str};

/// Between two columns.
const GAP: &str = "  ";
/// No column is made narrower than this.
const LEAST: usize = 6;
/// Columns whose words have colours.
const PAINTED: [&str; 3] = ["state", "verdict", "severity"];

/// Prints a table; nothing where there are no columns.
pub fn table(head: &[&str], rows: Vec<Vec<String>>) {
    for line in lines(head, &rows, room()) {
        super::coloured(&line);
    }
}

/// How wide the terminal is; `None` where standard output is none.
fn room() -> Option<usize> {
    let terminal = Term::stdout();
    terminal.is_term().then(|| usize::from(terminal.size().1))
}

fn lines(head: &[&str], rows: &[Vec<String>], room: Option<usize>) -> Vec<String> {
    let head: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head.clone())
        .chain(rows.iter().map(|row| row.iter().map(|cell| bare(cell)).collect()))
        .collect();
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| measure_text_width(cell)).max();
    let mut widths: Vec<usize> = (0..head.len()).map(|at| width(at).unwrap_or_default()).collect();
    if let Some(room) = room {
        fit(&mut widths, room);
    }
    let line = |(nth, row): (usize, &Vec<String>)| {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
            let cut = if room.is_some() { truncate_str(cell, *width, "…") } else { cell.into() };
            let gap = width.saturating_sub(measure_text_width(&cut));
            let paints = nth > 0 && head.get(at).is_some_and(|name| PAINTED.contains(&name.as_str()));
            let shown = if paints { super::painted(&cut) } else { cut.into_owned() };
            format!("{shown}{}", " ".repeat(gap))
        });
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    };
    rows.iter().enumerate().map(line).collect()
}

/// Takes from the widest column, again and again, until all fit; where nothing more can be taken they stay too wide.
fn fit(widths: &mut [usize], room: usize) {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > room {
        let Some(widest) = widths.iter_mut().max().filter(|width| **width > LEAST) else { return };
        *widest -= 1;
    }
}

/// One line, and nothing that a terminal would obey: whoever wrote a task does not paint on our screen.
fn bare(cell: &str) -> String {
    let turns = |letter: &char| matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // Marks that turn the direction would show the rest of the line from right to left.
    cell.chars().filter(|letter| !turns(letter)).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: [&str; 3] = ["task", "state", "what"];

    fn rows() -> Vec<Vec<String>> {
        let what = [
            "short",
            "データベースを直してください、それからテストも",
            "🙂🙂🙂 ship it to the whole world tomorrow morning\nand \u{1b}[31mthen",
        ];
        what.iter().enumerate().map(|(n, what)| vec![n.to_string(), "done".into(), (*what).into()]).collect()
    }

    #[test]
    fn on_a_terminal_every_line_fits_and_what_is_cut_says_so() {
        for (room, cut) in [(24, 2), (40, 2), (60, 1), (200, 0)] {
            let lines = lines(&HEAD, &rows(), Some(room));
            assert!(lines.iter().all(|line| measure_text_width(line) <= room), "{room}: {lines:#?}");
            assert_eq!(lines.iter().filter(|line| line.contains('…')).count(), cut, "{lines:#?}");
            assert!(lines[1].ends_with("short"));
        }
    }

    #[test]
    fn columns_stand_below_one_another_whatever_letters_they_have() {
        let rows =
            vec![vec!["🙂".into(), "a".into()], vec!["日本".into(), "b".into()], vec!["wide".into(), "c".into()]];
        assert_eq!(lines(&["x", "y"], &rows, None), ["x     y", "🙂    a", "日本  b", "wide  c"]);
    }

    #[test]
    fn nothing_is_cut_for_a_pipe_and_a_row_is_a_line() {
        let long = "word ".repeat(400);
        let lines = lines(&["a", "b"], &[vec![long.clone(), "x\ny".into()]], None);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].starts_with(&long) && lines[1].ends_with("x y"));
    }

    #[test]
    fn no_cell_turns_the_direction_of_the_line_it_stands_in() {
        let marks: String = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}').collect();
        assert_eq!(lines(&["a"], &[vec![format!("x{marks}y\tz עברית")]], None)[1], "xy z עברית");
    }

    #[test]
    fn where_nothing_more_can_be_taken_it_stays_too_wide() {
        let mut widths = [4, 50, 6];
        fit(&mut widths, 10);
        assert_eq!(widths, [4, LEAST, 6]);
    }
}
