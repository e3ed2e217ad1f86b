//! Charts that people look at: tasks per hour, success, time to answer, money.

use std::{fmt::Write as _, sync::Arc};

use agentlab_domain::{progress, report::Report, uptime};
use agentlab_platform::db::{
    charts::{Day, Hour},
    uptime::ServedDay,
};
use askama::Template;
use axum::{extract::State, response::Html};

use super::{at, render};
use crate::{Shared, problem::Problem};

/// Pixels of a chart, with the part that bars fill.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 180.0;
const BARS: f64 = 150.0;

#[derive(Template)]
#[template(path = "charts.html")]
struct Page {
    reports: [Report; 2],
    /// SVG.
    tasks: String,
    money: String,
    limit: Option<String>,
    /// SVG.
    uptime: String,
    up_week: String,
    up_month: String,
}

impl Page {
    /// Which of the pages is open.
    const HERE: &'static str = "/charts";
}

/// The page.
pub(crate) async fn charts(State(shared): State<Arc<Shared>>) -> Result<Html<String>, Problem> {
    let db = &shared.life.db;
    let limit = shared.life.config.budget.daily_usd;
    let tasks = of_tasks(&db.hours().await?);
    let money = of_money(&db.days().await?, limit);
    let up = db.uptime().await?;
    render(&Page {
        reports: db.reports().await?,
        tasks,
        money,
        limit: limit.map(progress::dollars),
        uptime: of_uptime(&db.uptime_days().await?),
        up_week: up.week.map_or_else(unknown, uptime::percent),
        up_month: up.month.map_or_else(unknown, uptime::percent),
    })
}

#[expect(clippy::cast_precision_loss, reason = "pixels")]
fn of_tasks(hours: &[Hour]) -> String {
    let most = hours.iter().map(|hour| hour.done + hour.failed).max().unwrap_or_default().max(1) as f64;
    let step = WIDTH / hours.len().max(1) as f64;
    let mut bars = String::new();
    for (n, hour) in hours.iter().enumerate() {
        let (done, failed) = (hour.done as f64 / most * BARS, hour.failed as f64 / most * BARS);
        let words = format!("{}: {} done, {} failed", at(hour.from), hour.done, hour.failed);
        bar(&mut bars, ("done", &words), n as f64 * step, BARS - done, (step - 2.0, done));
        bar(&mut bars, ("failed", &words), n as f64 * step, BARS - done - failed, (step - 2.0, failed));
    }
    let ends = hours.first().zip(hours.last()).map(|(first, last)| (at(first.from), at(last.from))).unwrap_or_default();
    svg("Tasks that ended in each hour", &bars, &ends, &format!("at most {most}"))
}

#[expect(clippy::cast_precision_loss, reason = "pixels")]
fn of_money(days: &[Day], limit: Option<f64>) -> String {
    let most = days.iter().map(|day| day.usd).chain(limit).fold(0.01, f64::max);
    let step = WIDTH / days.len().max(1) as f64;
    let mut bars = String::new();
    for (n, day) in days.iter().enumerate() {
        let height = day.usd / most * BARS;
        let words = format!("{}: {}", day.day, progress::dollars(day.usd));
        bar(&mut bars, ("usd", &words), n as f64 * step, BARS - height, (step - 2.0, height));
    }
    if let Some(limit) = limit {
        let y = BARS - limit / most * BARS;
        let _ = write!(bars, r#"<line class="limit" x1="0" x2="{WIDTH}" y1="{y:.1}" y2="{y:.1}"/>"#);
    }
    let ends = days.first().zip(days.last()).map(|(first, last)| (first.day.clone(), last.day.clone()));
    svg("Cost of each day", &bars, &ends.unwrap_or_default(), &format!("at most {}", progress::dollars(most)))
}

fn unknown() -> String {
    "not known yet".into()
}

#[expect(clippy::cast_precision_loss, reason = "pixels")]
fn of_uptime(days: &[ServedDay]) -> String {
    let step = WIDTH / days.len().max(1) as f64;
    let mut bars = String::new();
    for (n, day) in days.iter().enumerate() {
        // A day that was not watched has no bar.
        let Some(ratio) = day.ratio else { continue };
        let height = ratio * BARS;
        let words = format!("{}: {}", day.day, uptime::percent(ratio));
        bar(&mut bars, ("done", &words), n as f64 * step, BARS - height, (step - 2.0, height));
        bar(&mut bars, ("failed", &words), n as f64 * step, 0.0, (step - 2.0, BARS - height));
    }
    let ends = days.first().zip(days.last()).map(|(first, last)| (first.day.clone(), last.day.clone()));
    svg("Uptime of each day", &bars, &ends.unwrap_or_default(), "the whole bar is 24 hours")
}

/// One bar, with its words; all of them are numbers and dates of ours.
fn bar(bars: &mut String, (class, words): (&str, &str), x: f64, y: f64, (width, height): (f64, f64)) {
    if height > 0.0 {
        let _ = write!(
            bars,
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"><title>{words}</title></rect>"#
        );
    }
}

fn svg(name: &str, bars: &str, (first, last): &(String, String), most: &str) -> String {
    let bottom = HEIGHT - 10.0;
    format!(
        r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{name}">{bars}<text x="0" y="{bottom}">{first}</text><text x="{}" y="{bottom}" text-anchor="middle">{most}</text><text x="{WIDTH}" y="{bottom}" text-anchor="end">{last}</text></svg>"#,
        WIDTH / 2.0
    )
}
