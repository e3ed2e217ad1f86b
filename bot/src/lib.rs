//! stub
use agentlab_platform::{config::Config, life::Refusal};
pub async fn serve() -> Result<(), Refusal> { Ok(()) }
pub async fn check(_: &Config) -> (bool, String) { (true, String::new()) }
