//! The page in a real browser: a task is given and answered on it, and a page of somebody else's can do nothing.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
};

use fantoccini::Locator;

use crate::world::{Browser, World};

const DESK: (u32, u32) = (1100, 900);
const PHONE: (u32, u32) = (390, 844);
const PAGES: [&str; 6] = ["/", "/jobs", "/jobs/1", "/processes", "/charts", "/recovery"];

pub(super) fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}

pub(super) fn link(world: &World) -> String {
    let link = world.run(&["page"]);
    assert_eq!(link.code, Some(0), "{link:?}");
    link.stdout.trim().to_owned()
}

#[test]
fn a_task_is_given_on_the_page_watched_and_answered() {
    let world = World::new();
    let up = world.up();
    block_on(async {
        let Some(browser) = Browser::open(&world.path("profile"), DESK).await else { return };
        let client = &browser.client;
        client.goto(&format!("http://127.0.0.1:{}/", world.port)).await.unwrap();
        browser.wait_for("h1", "Not logged in").await;
        client.goto(&link(&world)).await.unwrap();
        browser.wait_for("h1", "Now").await;
        let prompt = client.find(Locator::Css("#prompt")).await.unwrap();
        prompt.send_keys("[[tool: Read <b>notes</b>]] [[sleep: 2]] [[say: All <i>mended</i> & well]]").await.unwrap();
        browser.click("button.main").await;
        browser.wait_for("h1", "Task 1").await;
        // What the agent does is told while it does it, and is shown as text whatever it is.
        browser.wait_for("pre[data-follow]", "Read: <b>notes</b>").await;
        browser.wait_for("h1", "done").await;
        browser.wait_for("#answer", "All <i>mended</i> & well").await;
        browser.picture("task").await;

        client.goto(&format!("http://127.0.0.1:{}/", world.port)).await.unwrap();
        let prompt = client.find(Locator::Css("#prompt")).await.unwrap();
        prompt.send_keys("[[sleep: 600]] Paint the fence").await.unwrap();
        browser.click("button.main").await;
        browser.wait_for("h1", "running").await;
        client.goto(&format!("http://127.0.0.1:{}/", world.port)).await.unwrap();
        browser.wait_for("main", "Paint the fence").await;
        browser.picture("now").await;
        // What somebody is writing stays, whatever happens to tasks meanwhile.
        let prompt = client.find(Locator::Css("#prompt")).await.unwrap();
        prompt.send_keys("half a thought").await.unwrap();
        assert_eq!(world.run(&["ask", "--no-wait", "[[say: by the way]]"]).code, Some(0));
        assert_eq!(world.run(&["cancel", "2"]).code, Some(0));
        let told = "return new Promise((done) => new EventSource('/api/jobs/2/events').addEventListener('end', done))";
        client.execute(&format!("{told}.then(() => null);"), Vec::new()).await.unwrap();
        assert_eq!(prompt.prop("value").await.unwrap().as_deref(), Some("half a thought"));
        client.goto(&format!("http://127.0.0.1:{}/jobs/2", world.port)).await.unwrap();
        browser.wait_for("h1", "cancelled").await;
        browser.click("form[action='/jobs/2/retry'] button").await;
        browser.wait_for("h1", "Task 4").await;
        browser.click("form[action='/jobs/4/cancel'] button").await;
        browser.wait_for("h1", "cancelled").await;

        client.goto(&format!("http://127.0.0.1:{}/jobs", world.port)).await.unwrap();
        client.find(Locator::Css("input[name=q]")).await.unwrap().send_keys("FENCE\n").await.unwrap();
        browser.wait_for("tbody", "Paint the fence").await;
        assert_eq!(client.find_all(Locator::Css("tbody tr")).await.unwrap().len(), 2);
        browser.close().await;
    });
    assert_eq!(up.stop().code, Some(0));
}

/// Beside a task of one long word every other cell keeps its words whole, and the task has half of the width.
async fn words_are_whole(browser: &Browser) {
    let script = "const torn = [...document.querySelectorAll('td:not(.what), th')].filter((cell) => {
           const range = document.createRange();
           range.selectNodeContents(cell);
           return !/\\s/.test(cell.textContent.trim()) && new Set([...range.getClientRects()].map((line) => line.top)).size > 1;
         });
         const search = document.querySelector('input[type=search]');
         const pen = document.createElement('canvas').getContext('2d');
         pen.font = getComputedStyle(search).font;
         const style = getComputedStyle(search);
         const room = search.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
         return { torn: torn.map((cell) => cell.textContent),
                  cells: document.querySelectorAll('td:not(.what)').length,
                  share: document.querySelector('td.what').getBoundingClientRect().width / document.querySelector('.wide').clientWidth,
                  spare: room - pen.measureText(search.placeholder).width };";
    let told = browser.client.execute(script, Vec::new()).await.unwrap();
    assert_eq!((&told["torn"], told["cells"].as_i64()), (&serde_json::json!([]), Some(10)), "{told}");
    assert!(told["share"].as_f64().unwrap() >= 0.5, "what is to be done has too little room: {told}");
    assert!(told["spare"].as_f64().unwrap() >= 0.0, "the placeholder is cut: {told}");
}

#[test]
fn every_page_fits_a_phone_loads_nothing_from_elsewhere_and_logs_no_error() {
    let world = World::new();
    assert_eq!(world.run(&["ask", &format!("[[say: {}]]", "long".repeat(60))]).code, Some(0));
    let up = world.up();
    assert_eq!(world.run(&["ask", "--no-wait", &format!("[[sleep:600]]{}", "long".repeat(60))]).code, Some(0));
    block_on(async {
        let Some(browser) = Browser::open(&world.path("profile"), PHONE).await else { return };
        let client = &browser.client;
        client.goto(&link(&world)).await.unwrap();
        for page in PAGES {
            client.goto(&format!("http://127.0.0.1:{}{page}", world.port)).await.unwrap();
            let told = client
                .execute(
                    "const loaded = performance.getEntriesByType('resource').map((entry) => entry.name);
                     return { wide: document.documentElement.scrollWidth - innerWidth,
                              heads: document.querySelectorAll('h1').length,
                              strange: loaded.filter((name) => !name.startsWith(location.origin)),
                              styled: getComputedStyle(document.body).maxWidth !== 'none' };",
                    Vec::new(),
                )
                .await
                .unwrap();
            let expected = serde_json::json!({ "wide": 0, "heads": 1, "strange": [], "styled": true });
            let wide = told["wide"].as_i64().unwrap();
            assert!(wide <= 0, "{page} is {wide} pixels too wide");
            assert_eq!(
                serde_json::json!({ "wide": 0, "heads": told["heads"], "strange": told["strange"], "styled": told["styled"] }),
                expected,
                "{page}"
            );
            if page == "/jobs" {
                words_are_whole(&browser).await;
            }
            browser.picture(&format!("phone{}", page.replace('/', "-"))).await;
        }
        browser.close().await;
        let Some(browser) = Browser::open(&world.path("profile"), DESK).await else { return };
        browser.client.goto(&link(&world)).await.unwrap();
        browser.client.goto(&format!("http://127.0.0.1:{}/jobs", world.port)).await.unwrap();
        words_are_whole(&browser).await;
        browser.picture("history").await;
        browser.close().await;
    });
    assert_eq!(up.stop().code, Some(0));
}

/// Serves one page at another port of this machine, to whoever asks.
fn elsewhere(html: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), html) = (stream, html.clone()) else { return };
            // A browser opens connections of which it uses some later.
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{html}",
                    html.len()
                );
            });
        }
    });
    port
}

#[test]
fn a_hostile_page_of_another_origin_causes_no_action_and_reads_nothing() {
    let world = World::new();
    let up = world.up();
    assert_eq!(world.run(&["pause"]).code, Some(0));
    let own = format!("http://127.0.0.1:{}", world.port);
    let script = format!(
        "<script>
         const told = [];
         const tried = [
           fetch('{own}/api/jobs', {{ method: 'POST', credentials: 'include', body: '{{\"prompt\": \"evil\"}}' }}),
           fetch('{own}/api/jobs', {{ method: 'POST', credentials: 'include', mode: 'no-cors', body: '{{\"prompt\": \"evil\"}}' }}),
           fetch('{own}/jobs', {{ method: 'POST', credentials: 'include', mode: 'no-cors', body: new URLSearchParams({{ prompt: 'evil' }}) }}),
           fetch('{own}/api/restart', {{ method: 'POST', credentials: 'include', mode: 'no-cors' }}),
           fetch('{own}/api/pause', {{ method: 'POST', credentials: 'include', mode: 'no-cors' }}),
           fetch('{own}/pause', {{ method: 'POST', credentials: 'include', mode: 'no-cors', body: new URLSearchParams({{ until: '2h' }}) }}),
           fetch('{own}/api/resume', {{ method: 'POST', credentials: 'include', mode: 'no-cors' }}),
           fetch('{own}/resume', {{ method: 'POST', credentials: 'include', mode: 'no-cors' }}),
           fetch('{own}/api/jobs', {{ credentials: 'include' }}).then((answer) => answer.text()).then((text) => told.push(text)),
         ];
         Promise.allSettled(tried).then(() => {{ document.querySelector('h1').textContent = `tried, read ${{told.length}}`; }});
         </script>
         <form method='post' action='{own}/jobs'><input name='prompt' value='evil'><button>Win</button></form>"
    );
    let port = elsewhere(format!("<!doctype html><h1>Hello</h1>{script}"));
    block_on(async {
        let Some(browser) = Browser::open(&world.path("profile"), DESK).await else { return };
        let client = &browser.client;
        client.goto(&link(&world)).await.unwrap();
        browser.wait_for("h1", "Now").await;
        // Another port of this machine is the same site, so the cookie goes along; another name of it is another site.
        for host in ["127.0.0.1", "localhost"] {
            client.goto(&format!("http://{host}:{port}/")).await.unwrap();
            browser.wait_for("h1", "tried, read 0").await;
            browser.click("button").await;
            browser.wait_for("h1", "Not ").await;
        }
        client.goto(&own).await.unwrap();
        browser.wait_for("h1", "Now").await;
        // Nor is the page shown within another one, where clicks could be stolen.
        let framing = elsewhere(format!("<!doctype html><h1>Frame</h1><iframe src='{own}/'></iframe>"));
        client.goto(&format!("http://127.0.0.1:{framing}/")).await.unwrap();
        browser.wait_for("h1", "Frame").await;
        client.enter_frame(0).await.unwrap();
        assert!(client.find(Locator::Css("#prompt")).await.is_err(), "the page was framed");
        browser.close().await;
    });
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 0);
    assert_eq!(world.count("SELECT COUNT(*) FROM intervention"), 0);
    assert_eq!(world.count("SELECT COUNT(*) FROM audit WHERE action IN ('pause', 'resume')"), 1);
    assert_eq!(world.count("SELECT COUNT(*) FROM pause WHERE until IS NULL"), 1, "what somebody paused stays so");
    assert_eq!(up.stop().code, Some(0));
}
