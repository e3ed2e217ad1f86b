//! Pausing on the page, in a real browser; and the picture of the page that the README shows.

use fantoccini::Locator;

use super::page::{block_on, link};
use crate::world::{Browser, LONG, Look, World, wait_until, write_script};

/// All of it is in the picture.
const TALL: (u32, u32) = (1000, 1500);

/// An agent that works as the words of its task say: a rehearsal whose directives are not in the task.
fn at_work(world: &mut World) {
    let program = env!("CARGO_BIN_EXE_agentlab");
    let script = world.path("bin/at-work.sh");
    let text = format!(
        "#!/bin/sh\nread -r task\ncase \"$task\" in\n\
         *flaky*) what='[[tool: Bash cargo test --workspace]] [[cost: 0.12]] [[sleep: 600]]' ;;\n\
         *invoice*) what='[[tool: Edit src/invoice/pdf.rs]] [[sleep: 600]]' ;;\n\
         *) what='[[tool: Read README.md]] [[sleep: 1]] [[cost: 0.31]] [[say: Done.]]' ;;\nesac\n\
         printf '%s %s' \"$what\" \"$task\" | {program} rehearse \"$@\"\n"
    );
    write_script(&script, &text);
    let (shop, site) = (world.project("shop"), world.project("site"));
    world.configure(&format!(
        "[agent]\ncommand = '{}'\n[workers]\ncount = 2\n[projects.shop]\npath = '{}'\nisolation = 'none'\n\
         [projects.site]\npath = '{}'\nisolation = 'none'\n",
        script.display(),
        shop.display(),
        site.display()
    ));
}

#[test]
fn everything_is_paused_and_resumed_on_the_page() {
    let mut world = World::new();
    at_work(&mut world);
    let up = world.up();
    let ask = |project: &str, text: &str| {
        assert_eq!(world.run(&["ask", "--no-wait", "--project", project, text]).code, Some(0));
    };
    ask("site", "Write the release notes for 2.4");
    ask("shop", "Why does the basket lose its discount after a reload?");
    let look = Look::into(&world);
    wait_until("they are done", LONG, || look.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 2);
    ask("shop", "The invoice as a PDF needs the customer's VAT number");
    ask("site", "Find out why the login test is flaky, and mend it");
    wait_until("both run", LONG, || {
        look.count("SELECT COUNT(*) FROM run WHERE activity LIKE '%: %' AND state = 'running'") == 2
    });
    ask("shop", "Update the payment library and run all tests");
    ask("site", "Translate the new pages into German");
    block_on(async {
        let Some(browser) = Browser::open(&world.path("profile"), TALL).await else { return };
        let client = &browser.client;
        client.goto(&link(&world)).await.unwrap();
        browser.wait_for("main", "Translate the new pages").await;
        browser.wait_for("main", "cargo test --workspace").await;
        browser.wait_for("main", "Write the release notes").await;
        browser.picture("working-day").await;

        client.find(Locator::Css("input[name=until]")).await.unwrap().send_keys("never").await.unwrap();
        browser.click("form[action='/pause'] button").await;
        browser.wait_for("main", "nothing is paused").await;
        client.goto(&format!("http://127.0.0.1:{}/", world.port)).await.unwrap();
        client.find(Locator::Css("input[name=until]")).await.unwrap().send_keys("2h").await.unwrap();
        browser.click("form[action='/pause'] button").await;
        browser.wait_for("#paused", "nothing new begins, what runs goes on").await;
        browser.picture("paused").await;
        assert_eq!(world.count("SELECT COUNT(*) FROM pause WHERE until > since + 7190000"), 1);
        // A place is free, and nobody takes it.
        assert_eq!(world.run(&["cancel", "3"]).code, Some(0));
        wait_until("one has ended", LONG, || world.count("SELECT COUNT(*) FROM job WHERE state = 'cancelled'") == 1);
        client.goto(&format!("http://127.0.0.1:{}/", world.port)).await.unwrap();
        browser.wait_for("#paused", "by the page").await;
        assert_eq!(world.count("SELECT COUNT(*) FROM run"), 4);
        browser.click("form[action='/resume'] button").await;
        browser.wait_for("h1", "Now").await;
        wait_until("the waiting ones are done", LONG, || {
            world.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 4
        });
        assert!(client.find(Locator::Css("#paused")).await.is_err());
        browser.close().await;
    });
    assert_eq!(up.stop().code, Some(0));
}
