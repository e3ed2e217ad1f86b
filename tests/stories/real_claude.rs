//! real_claude
