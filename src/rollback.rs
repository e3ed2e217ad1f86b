//! `rollback`: back to the release before the present one, or to another one that is kept. The one that is left is bad from then
//! on: nothing returns to it by itself. Running tasks go on.

use agentlab_platform::{
    db::update::Change,
    home::Home,
    recovery,
    releases::{self, Release},
};

use crate::{
    failure::Failure,
    print, system,
    update::{place, until_back},
};

/// Goes back to `name`, or to what is returned to from the release in place.
pub async fn rollback(name: Option<&str>, as_json: bool) -> Result<u8, Failure> {
    let home = Home::open()?;
    place::is_free(&home)?;
    let Some(current) = releases::current(&home) else {
        return Err(Failure::words("there is nothing to go back to: this home was never updated"));
    };
    let to = chosen(&home, &current, name)?;
    let system = system::open().await?;
    let held = recovery::take(&home, "a rollback", place::LASTS).map_err(place::refused)?;
    releases::forgive(&home, &to.name)?;
    releases::going_back::leave(&home, &current, &to, "rolled back by hand", false)?;
    let asked = place::restart(&system, Change::Rollback, &to).await?;
    drop(held);
    let left = format!("{} was left; `agentlab update PATH --again` tries it once more", current.words());
    let Some(asked) = asked else {
        let words = format!("release {} is in place, and runs from the next start on. {left}", to.words());
        return place::say(&to, &current, "in place", &words, as_json);
    };
    print::note(&format!("release {} is in place; everything is started again from it", to.words()));
    until_back(&system, asked, &to).await?;
    place::say(&to, &current, "running", &format!("release {} runs again. {left}", to.words()), as_json)
}

fn chosen(home: &Home, current: &Release, name: Option<&str>) -> Result<Release, Failure> {
    match name {
        Some(name) if name == current.name => {
            Err(Failure::words(format!("release {} is in place already", current.words())))
        }
        Some(name) => releases::read(home, name).ok_or_else(|| {
            let others: Vec<String> = releases::all(home).iter().map(Release::words).collect();
            Failure::words(format!("there is no release {name}. Kept are: {}", others.join(", ")))
        }),
        None => releases::last_healthy(home).ok_or_else(|| {
            let words =
                format!("there is nothing to go back to from release {}: no other one ran here", current.words());
            Failure::words(words)
        }),
    }
}
