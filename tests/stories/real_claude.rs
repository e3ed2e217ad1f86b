//! `real_claude`
