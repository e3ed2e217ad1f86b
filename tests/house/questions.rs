//! The questions of docs/SQL.md: each is asked of the samples as a person would ask it, and answered with what stands below it.
//! Where a question speaks of now, only the names of the columns are compared.

use sqlx::Connection;

use super::{
    migrations::filled,
    tree::{none, text},
};
use crate::world::World;

const DOCUMENT: &str = "docs/SQL.md";

/// The questions and what is said to be their answers.
fn questions(document: &str) -> Vec<(&str, &str)> {
    let blocks = document.split("```sql\n").skip(1);
    blocks
        .map(|block| {
            let (question, rest) = block.split_once("\n```").unwrap();
            let answer = rest.split_once("```text\n").unwrap_or_else(|| panic!("no answer to {question}")).1;
            (question, answer.split("```").next().unwrap().trim_end())
        })
        .collect()
}

/// Whether its answer changes while nothing happens.
fn speaks_of_now(question: &str) -> bool {
    question.contains("'now'")
}

#[tokio::test]
async fn every_question_of_the_document_is_answered_as_it_says() {
    let (folder, connection) = filled().await;
    connection.close().await.unwrap();
    let world = World::new();
    std::fs::copy(folder.path().join("agentlab.db"), world.home().join("agentlab.db")).unwrap();
    let document = text(DOCUMENT);
    let questions = questions(&document);
    assert!(questions.len() >= 12, "{}", questions.len());
    let mut wrong = Vec::new();
    for (question, said) in questions {
        let asked = world.run(&["sql", question]);
        assert_eq!(asked.code, Some(0), "{question}: {asked:?}");
        let first = |answer: &str| {
            answer.lines().next().unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let same =
            if speaks_of_now(question) { first(&asked.stdout) == first(said) } else { asked.stdout.trim_end() == said };
        if !same {
            wrong.push(format!("```sql\n{question}\n```\n\n```text\n{}\n```", asked.stdout));
        }
    }
    none(&wrong, "docs/SQL.md must have these answers");
}
