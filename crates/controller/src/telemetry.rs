//! Logs of the process.

mod filter;

use std::panic::PanicHookInfo;

use anyhow::Context;
use clap::ValueEnum;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::util::SubscriberInitExt;

pub use self::filter::{LogFilter, LogFilterError};

/// What log lines look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Sends the log lines that the filter lets through to standard error.
///
/// # Errors
/// When logs have been set up already.
pub fn init(format: LogFormat, filter: &LogFilter) -> anyhow::Result<()> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter.to_env_filter())
        .with_span_events(FmtSpan::NONE)
        .with_writer(std::io::stderr);
    let result = match format {
        LogFormat::Text => {
            builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).finish().try_init()
        }
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .finish()
            .try_init(),
    };
    result.context("cannot set up logging")?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Panics of passes are contained; their place is told here, in the format of all other lines.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("without a message");
    let place = panic.location().map(ToString::to_string);
    tracing::error!(place, message, "panic");
}
