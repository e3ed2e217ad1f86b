//! Directives in a prompt.

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Directive {
    /// `[[say: text]]`: part of the answer.
    Say(String),
    /// `[[long: 9000]]`: an answer of so many characters.
    Long(usize),
    /// `[[sleep: 1.5]]`: seconds.
    Sleep(f64),
    /// `[[tool: Bash cargo test]]`: a tool call that does nothing.
    Tool {
        name: String,
        detail: String,
    },
    /// `[[write: path text]]`: a file, whole.
    Write {
        path: String,
        text: String,
    },
    /// `[[append: path text]]`: a line at the end of a file.
    Append {
        path: String,
        text: String,
    },
    /// `[[fork: 60]]`: a process that outlives this one, for so many seconds.
    Fork(u64),
    /// `[[env]]`: answers with the environment.
    Env,
    /// `[[noise: 100000]]`: so many bytes that are no JSON, without a newline.
    Noise(usize),
    /// `[[deny: Bash]]`: a tool that was not permitted.
    Deny(String),
    /// `[[retry: 529]]`: a request that failed with this status (0: without any answer), before the agent tries again.
    Retry(u16),
    /// `[[fail: 529]]`: the API's error with this status.
    Fail(u16),
    /// `[[recall]]`: answers with what was asked before in this conversation.
    Recall,
    /// `[[instructions]]`: answers with the instructions that came with the task.
    Instructions,
    /// `[[cost: 0.25]]`: US dollars that it claims to have cost.
    Cost(f64),
    /// `[[empty]]`: a "success" of nothing, as a damaged conversation gives.
    Empty,
    /// `[[login]]`: not logged in.
    Login,
    /// `[[limit: 1795320000]]`: a usage limit that resets at this Unix second.
    Limit(i64),
    /// `[[exit: 3]]`: an exit without a result.
    Exit(u8),
    /// `[[once: path]]`: ends by a signal the first time; the file remembers.
    DieOnce(String),
    /// `[[first: path]]`: what stands from here to `[[first: end]]` is done the first time only; the file remembers.
    First(String),
    FirstEnd,
    /// `[[hang]]`: nothing more, ever.
    Hang,
}

/// The directives of a prompt, in order; what cannot be understood is passed over.
pub fn parse(prompt: &str) -> Vec<Directive> {
    prompt.split("[[").skip(1).filter_map(|piece| one(piece.split_once("]]")?.0)).collect()
}

fn one(text: &str) -> Option<Directive> {
    let (word, argument) = text.split_once(':').unwrap_or((text, ""));
    let argument = argument.trim();
    let pair = || {
        let (first, rest) = argument.split_once(' ').unwrap_or((argument, ""));
        (first.to_owned(), rest.to_owned())
    };
    Some(match word.trim() {
        "say" => Directive::Say(argument.to_owned()),
        "long" => Directive::Long(argument.parse().ok()?),
        "sleep" => Directive::Sleep(argument.parse().ok().filter(|seconds: &f64| (0.0..86_400.0).contains(seconds))?),
        "tool" => {
            let (name, detail) = pair();
            Directive::Tool { name, detail }
        }
        "write" => {
            let (path, text) = pair();
            Directive::Write { path, text }
        }
        "append" => {
            let (path, text) = pair();
            Directive::Append { path, text }
        }
        "fork" => Directive::Fork(argument.parse().ok()?),
        "env" => Directive::Env,
        "noise" => Directive::Noise(argument.parse().ok()?),
        "deny" => Directive::Deny(argument.to_owned()),
        "retry" => Directive::Retry(argument.parse().ok()?),
        "fail" => Directive::Fail(argument.parse().ok()?),
        "recall" => Directive::Recall,
        "instructions" => Directive::Instructions,
        "cost" => Directive::Cost(argument.parse().ok()?),
        "empty" => Directive::Empty,
        "login" => Directive::Login,
        "limit" => Directive::Limit(argument.parse().ok()?),
        "exit" => Directive::Exit(argument.parse().ok()?),
        "first" if argument == "end" => Directive::FirstEnd,
        "first" => Directive::First(pair().0),
        "once" => Directive::DieOnce(pair().0),
        "hang" => Directive::Hang,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read_in_order_and_the_rest_is_passed_over() {
        let prompt = "do [[say: a: b]] then [[sleep: 0.5]] [[frob: x]] [[tool: Bash ls -l]] [[hang]] [[open";
        assert_eq!(
            parse(prompt),
            [
                Directive::Say("a: b".into()),
                Directive::Sleep(0.5),
                Directive::Tool { name: "Bash".into(), detail: "ls -l".into() },
                Directive::Hang,
            ]
        );
        assert_eq!(parse("[[retry: 529]] [[retry: x]] [[fail: 529]]"), [Directive::Retry(529), Directive::Fail(529)]);
        assert!(parse("fix the tests").is_empty());
    }
}
