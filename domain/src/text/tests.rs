//! What rendering makes of Markdown, case by case, and how long hostile texts take.

use std::time::{Duration, Instant};

use super::{EntityKind, Rich, plain, render, split};

/// The text with its entities written into it: `<b>`, `<i>`, `<s>`, `<a URL>`, `<c>`, `<pre LANGUAGE>`, each
/// closed by `</>`.
fn shown(rich: &Rich) -> String {
    let mut out = String::new();
    let mut unit = 0;
    for ch in rich.text.chars().map(Some).chain([None]) {
        for _ in rich.entities.iter().filter(|entity| entity.end() == unit) {
            out.push_str("</>");
        }
        for entity in rich.entities.iter().filter(|entity| entity.offset == unit) {
            let (name, detail) = match &entity.kind {
                EntityKind::Bold => ("<b", None),
                EntityKind::Italic => ("<i", None),
                EntityKind::Strikethrough => ("<s", None),
                EntityKind::Code => ("<c", None),
                EntityKind::TextLink { url } => ("<a ", Some(url.as_str())),
                EntityKind::Pre { language } => ("<pre ", Some(language.as_deref().unwrap_or("-"))),
            };
            out.extend([name, detail.unwrap_or(""), ">"]);
        }
        out.extend(ch);
        unit += ch.map_or(0, char::len_utf16);
    }
    out
}

#[test]
fn markers_become_entities() {
    let cases = [
        ("plain", "plain"),
        ("a **b** __c__ *d* _e_ ~~f~~ `g`", "a <b>b</> <b>c</> <i>d</> <i>e</> <s>f</> <c>g</>"),
        ("***a*** **b *c*** *d **e***", "<b><i>a</></> <b>b <i>c</></> <i>d <b>e</></>"),
        ("**bold _both_ bold**, ~~**x**~~", "<b>bold <i>both</> bold</>, <b><s>x</></>"),
        ("**two\nlines**", "<b>two\nlines</>"),
        ("**a __b__ c**", "<b>a b c</>"),
        ("это **важно**!", "это <b>важно</>!"),
        ("这是**重点**内容 **注意：**内容", "这是<b>重点</>内容 <b>注意：</>内容"),
        ("😀 **😀** x", "😀 <b>😀</> x"),
        ("**API**s **Note:** x", "<b>API</>s <b>Note:</> x"),
        ("`` a`b `` ` ` ``", "<c>a`b</> ` ` ``"),
        ("`**a** [b](http://c.d)`", "<c>**a** [b](http://c.d)</>"),
        ("**run `cargo test` now**", "<b>run</> <c>cargo test</> <b>now</>"),
        ("# Title", "<b>Title</>"),
        ("## A *b* `c` ##\ntext", "<b>A <i>b</></> <c>c</>\ntext"),
        ("### **All bold**  ", "<b>All bold</>  "),
        ("[x](https://a.org/b_(c)_d) y", "<a https://a.org/b_(c)_d>x</> y"),
        ("**[x *y*](http://a.org:80)**", "<b><a http://a.org:80>x <i>y</></></>"),
        ("*a [b* c](http://a.org)*", "<i>a <a http://a.org>b* c</></>"),
        ("[a](see **b** c)", "[a](see <b>b</> c)"),
        ("[`x`](http://a.org)", "<a http://a.org>`x`</>"),
        ("**https://a.org/_x_**", "<b>https://a.org/_x_</>"),
        ("```rust\nfn a() {}\n```", "<pre rust>fn a() {}</>"),
        ("a\n```\n**b**\n\n  c\n```\nd", "a\n<pre ->**b**\n\n  c</>\nd"),
        ("~~~c++ title=x\n```\n~~~\n**x**", "<pre c++>```</>\n<b>x</>"),
        ("```py\nopen **x**\n", "<pre py>open **x**</>\n"),
        ("````md\n```\nx\n```\n````", "<pre md>```\nx\n```</>"),
        ("```sh\r\nls\r\n```\r\nok", "<pre sh>ls</>\r\nok"),
        ("1. do\n   ```sh\n   ls\n   ```\n2. **b**", "1. do\n<pre sh>   ls</>\n2. <b>b</>"),
        ("- ```sh\n  ls\n  ```\n**b**", "- \n<pre sh>  ls</>\n<b>b</>"),
        ("- **a**: b\n* *c*\n> _d_\n| `e` |", "- <b>a</>: b\n* <i>c</>\n> <i>d</>\n| <c>e</> |"),
    ];
    for (source, expected) in cases {
        assert_eq!(shown(&render(source)), expected, "{source:?}");
    }
}

#[test]
fn what_is_no_marker_stays_as_typed() {
    let cases = [
        "",
        " \n\t",
        "2 * 3 * 4 and 2*3*4 and 2**3**4 and (a)**2 + (b)**2",
        "snake_case_name and __a b",
        "*.rs and *.toml, src/*.rs and tests/*.rs, **/*.rs and foo/**",
        "f(*args, **kwargs) or count(*), max(*)",
        "char *p, *q",
        "regex a.*b.*c",
        "src/_a_/b and x/__init__.py",
        "*a",
        "a*",
        "**a*",
        "*a_ __b**",
        "* a *",
        "****",
        "****a****",
        "***\n---\n___",
        "~a~ ~~~~a~~~~ ~~a",
        "**a\n\nb**",
        "- *a\n- b*",
        "> **a\n> b**",
        "\\*a\\* \\`b\\` \\[c](http://d.e)",
        "`a",
        "``a`",
        "` `",
        "```",
        "```\n```",
        "```sh\n \n```\n",
        "#tag",
        "####### x",
        "# ",
        "# ##",
        "    # x",
        "[a]",
        "[a](b_c_d)",
        "[a](ftp://b.c)",
        "[](http://a.b)",
        "[a] (http://b.c)",
        "[a](http://b.c d)",
        "[a](http://localhost:8080/x)",
        "[a](http://u@b.c)",
        "[a](http://b.c:99999)",
        "[a](http://b.c:)",
        "[a](https://)",
        "![_a_](http://b.c/_d_.png)",
        "https://a.b/_c_/__d__ ok",
        "[a](http://b.c",
        "> ```sh\n> x_y\n> ```",
    ];
    for source in cases {
        assert_eq!(render(source), plain(source), "{source:?}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the time taken is what this looks at")]
fn hostile_texts_take_no_time() {
    let pieces = [
        "*",
        "**",
        "_",
        "__a ",
        "~~",
        "`",
        "[",
        "]",
        "[a](",
        "(",
        "](http://a.b/(",
        "*a ",
        "a* ",
        "*a_ ",
        "**a*_b ",
        "` ``",
        "\n",
        "# \n",
        "```\n",
        "> *",
        " ",
        "http://",
        "\\",
        "![",
        "[*a](http://a.b) ",
        "`a` ",
        "**`a` ",
        "👩\u{200d}",
        "\u{301}",
        "*a `b` ",
        "a\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
    ];
    let growing: String = (1..450).flat_map(|count| ["`".repeat(count), " ".to_owned()]).collect();
    let nested = format!("{}a{}", "*a **b ".repeat(10_000), " b** a*".repeat(10_000));
    let repeated = pieces.iter().map(|piece| piece.repeat(100_000 / piece.len()));
    for source in repeated.chain([growing, nested]) {
        let begun = Instant::now();
        let rich = render(&source);
        let parts = split(&rich, 16).len() + split(&rich, 4096).len();
        let start: String = source.chars().take(12).collect();
        assert!(parts > 0 && begun.elapsed() < Duration::from_secs(2), "{start:?}: {:?}", begun.elapsed());
    }
}
