//! Logs of the process, and with the feature `otlp` its traces.

mod filter;
#[cfg(feature = "otlp")]
mod traces;

use std::panic::PanicHookInfo;

use anyhow::Context;
use clap::ValueEnum;
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
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

/// What has to be brought to an end with the process.
#[must_use]
pub struct Telemetry {
    #[cfg(feature = "otlp")]
    traces: Option<traces::Traces>,
}

impl Telemetry {
    /// Sends what has not been sent yet, for a few seconds at most.
    pub async fn ended(self) {
        #[cfg(feature = "otlp")]
        if let Some(traces) = self.traces {
            traces.ended().await;
        }
    }
}

/// Sends the log lines that the filter lets through to standard error and, when it is built in and the
/// environment names a collector, traces to that.
///
/// # Errors
/// When logs have been set up already, or what the environment says about traces cannot be followed.
///
/// # Panics
/// With traces, outside of a Tokio runtime.
pub fn init(format: LogFormat, filter: &LogFilter) -> anyhow::Result<Telemetry> {
    let lines = tracing_subscriber::fmt::layer().with_span_events(FmtSpan::NONE).with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).boxed(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
    };
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter.to_env_filter()));
    #[cfg(feature = "otlp")]
    let (subscriber, traces) = {
        let traces = traces::Traces::by_environment()?;
        (subscriber.with(traces.as_ref().map(traces::Traces::layer)), traces)
    };
    subscriber.try_init().context("cannot set up logging")?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(Telemetry {
        #[cfg(feature = "otlp")]
        traces,
    })
}

/// Panics of passes are contained; their place is told here, in the format of all other lines.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("without a message");
    let place = panic.location().map(ToString::to_string);
    tracing::error!(place, message, "panic");
}
